// SPDX-License-Identifier: Apache-2.0
/* arena.h - the exporter's own memory.
 *
 * Taken from the kernel in one piece and given out front to back, so that the exporter never
 * enters the application's allocator (which may be replaced, locked at a fork, or instrumented).
 * Pages count only once they are touched. One thread uses an arena at a time. */
#ifndef EXPORTER_ARENA_H
#define EXPORTER_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena {
    unsigned char *base; /* NULL: not mapped */
    size_t capacity;     /* bytes */
    size_t used;         /* bytes */
};

/* Maps `bytes`; false where the kernel refuses. An arena that is mapped already is only reset. */
bool arena_map(struct arena *arena, size_t bytes);

/* 16-byte aligned memory, or NULL where none is left. */
void *arena_take(struct arena *arena, size_t bytes);

/* Everything is free again. Pages beyond `keep` bytes go back to the kernel. */
void arena_reset(struct arena *arena, size_t keep);

void arena_unmap(struct arena *arena);

#endif
