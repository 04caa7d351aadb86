// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/arena.h"

#include <stdint.h>
#include <sys/mman.h>

#define PAGE_BYTES ((size_t)65536) /* the largest page size in use on our architectures */

bool arena_map(struct arena *arena, size_t bytes)
{
    if (arena->base) {
        arena->used = 0;
        return true;
    }
    bytes = (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return false;
    *arena = (struct arena){base, bytes, 0};
    return true;
}

void *arena_take(struct arena *arena, size_t bytes)
{
    size_t rounded = (bytes + 15) & ~(size_t)15;
    if (rounded < bytes || rounded > arena->capacity - arena->used)
        return NULL;
    void *memory = arena->base + arena->used;
    arena->used += rounded;
    return memory;
}

void arena_reset(struct arena *arena, size_t keep)
{
    keep = (keep + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    if (arena->used > keep && keep < arena->capacity)
        madvise(arena->base + keep, arena->capacity - keep, MADV_DONTNEED);
    arena->used = 0;
}

void arena_unmap(struct arena *arena)
{
    if (arena->base)
        munmap(arena->base, arena->capacity);
    *arena = (struct arena){0};
}
