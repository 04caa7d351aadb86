// SPDX-License-Identifier: Apache-2.0
/* guarded.h - memory that ends where a page begins that may not be touched.
 *
 * A parser that reads one byte past its slice dies on the spot, with no sanitizer needed. */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/slice.h"

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
{
    if (bytes.length > guarded->capacity)
        abort();
    char *at = guarded->end - bytes.length;
    if (bytes.length != 0)
        memcpy(at, bytes.at, bytes.length);
    return (struct slice){at, bytes.length};
}

#endif
