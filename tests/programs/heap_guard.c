// SPDX-License-Identifier: Apache-2.0
/* heap_guard.c - a heap that a thread can forbid itself.
 *
 * Defined in the executable, these are the functions that every library of the process calls, a
 * preloaded one included. Memory is never given back: the program is small. */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAP_BYTES ((size_t)64 << 20) /* address space only, until it is used */
#define ALIGNMENT  ((size_t)16)

void heap_guard_arm(void);

static _Alignas(4096) unsigned char heap[HEAP_BYTES];
static _Atomic size_t used;
static __thread volatile int tl_armed;

void heap_guard_arm(void)
{
    tl_armed = 1;
}

static void check(const char *what)
{
    if (!tl_armed)
        return;
    tl_armed = 0;
    ssize_t written = write(STDERR_FILENO, what, strlen(what));
    written = write(STDERR_FILENO, " was called between request and span\n", 37);
    (void)written;
    abort();
}

/* The size stands before the block, for realloc(). */
static void *take(size_t alignment, size_t bytes)
{
    size_t reserve = bytes + alignment + ALIGNMENT;
    size_t at = atomic_fetch_add(&used, (reserve + ALIGNMENT - 1) & ~(ALIGNMENT - 1));
    if (bytes > HEAP_BYTES || at + reserve > HEAP_BYTES) {
        errno = ENOMEM;
        return NULL;
    }
    uintptr_t block = (uintptr_t)heap + at + ALIGNMENT;
    block = (block + alignment - 1) & ~(uintptr_t)(alignment - 1);
    memcpy((void *)(block - sizeof bytes), &bytes, sizeof bytes);
    return (void *)block;
}

void *malloc(size_t bytes)
{
    check("malloc");
    return take(ALIGNMENT, bytes);
}

void *calloc(size_t count, size_t bytes)
{
    check("calloc");
    size_t all;
    if (__builtin_mul_overflow(count, bytes, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return take(ALIGNMENT, all); /* zero: nothing is given twice */
}

void *realloc(void *old, size_t bytes)
{
    check("realloc");
    size_t had = 0;
    void *block = take(ALIGNMENT, bytes);
    if (old && block) {
        memcpy(&had, (unsigned char *)old - sizeof had, sizeof had);
        memcpy(block, old, had < bytes ? had : bytes);
    }
    return block;
}

void free(void *block)
{
    if (block)
        check("free");
}

void *memalign(size_t alignment, size_t bytes);
void *memalign(size_t alignment, size_t bytes)
{
    check("memalign");
    return take(alignment < ALIGNMENT ? ALIGNMENT : alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return memalign(alignment, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    *block = memalign(alignment, bytes);
    return *block ? 0 : ENOMEM;
}
