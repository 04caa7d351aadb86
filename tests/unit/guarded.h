// SPDX-License-Identifier: Apache-2.0
/* guarded.h - memory that ends where a page begins that may not be touched.
 *
 * A parser that reads one byte past its slice dies on the spot, with no sanitizer needed. */
/* guarded.h - test input that ends where memory ends.
 * A parser that reads one byte too far dies at once, in every build, not only under a sanitizer. */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/slice.h"

struct guarded {
    char *end;       /* the first byte that may not be touched */
    size_t capacity; /* bytes before it */
};

/* Aborts where memory is short: this is for tests. */
static inline struct guarded guarded_make(size_t capacity)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t usable = (capacity + page - 1) / page * page;
    char *at =
        mmap(NULL, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || mprotect(at + usable, page, PROT_NONE) != 0)
        abort();
    return (struct guarded){at + usable, usable};
}

/* A copy of the bytes that ends at the forbidden page. */
static inline struct slice guarded_copy(const struct guarded *guarded, struct slice bytes)
    if (bytes.length > guarded->capacity)
    char *at = guarded->end - bytes.length;
    if (bytes.length != 0)
        memcpy(at, bytes.at, bytes.length);
    return (struct slice){at, bytes.length};
    char *memory;
    size_t bytes; /* before the page that can't be read */
    size_t page;

/* Room for texts of up to `most` bytes. Aborts without memory. */
static inline struct guarded guarded_create(size_t most)
    size_t bytes = (most + page) / page * page;
    void *memory =
        mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect((char *)memory + bytes, page, PROT_NONE))
    return (struct guarded){memory, bytes, page};

/* The text again, its last byte before the page. Valid until the next call. */
static inline struct slice guarded_copy(struct guarded *guarded, struct slice text)
    char *at = guarded->memory + guarded->bytes - text.length;
    if (text.length)
        memcpy(at, text.at, text.length);
    return (struct slice){at, text.length};

static inline void guarded_destroy(struct guarded *guarded)
    munmap(guarded->memory, guarded->bytes + guarded->page);
}

#endif
