// SPDX-License-Identifier: Apache-2.0
#include "agent/work/pipeline.h"

#define KEY 32 /* the shift of a cell's */

/* Where a key is looked for first. Streams of HTTP/2 that a client opens are odd. */
static uint32_t home_of(uint32_t key)
{
    return key >> 1;
}

bool pipeline_place_key(struct pipeline *pipeline, uint32_t key, uint32_t entry)
{
    for (uint32_t i = 0; i < PIPELINE_LENGTH; i++) {
        _Atomic uint64_t *cell = &pipeline->cells[(home_of(key) + i) % PIPELINE_LENGTH];
        /* Acquire pairs with the release of who took what lay there. */
        if (atomic_load_explicit(cell, memory_order_acquire))
            continue;
        atomic_store_explicit(cell, (uint64_t)key << KEY | entry, memory_order_release);
        atomic_fetch_add_explicit(&pipeline->placed, 1, memory_order_release);
        return true;
    }
    return false;
}

/* NULL: none has it. */
static _Atomic uint64_t *cell_of(const struct pipeline *pipeline, uint32_t key, uint64_t *word)
{
    for (uint32_t i = 0; i < PIPELINE_LENGTH; i++) {
        const _Atomic uint64_t *cell = &pipeline->cells[(home_of(key) + i) % PIPELINE_LENGTH];
        /* Acquire pairs with the release of who placed it. */
        *word = atomic_load_explicit(cell, memory_order_acquire);
        if (*word >> KEY == key)
            return (_Atomic uint64_t *)cell;
    }
    return NULL;
}

uint32_t pipeline_find(const struct pipeline *pipeline, uint32_t key)
{
    uint64_t word;
    return cell_of(pipeline, key, &word) ? (uint32_t)word : 0;
}

/* The word tells one use of a cell from the next, because a slot is not free before it is taken. */
static bool take(struct pipeline *pipeline, _Atomic uint64_t *cell, uint64_t word)
{
    if (!atomic_compare_exchange_strong_explicit(cell, &word, 0, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return false;
    atomic_fetch_add(&pipeline->taken, 1);
    return true;
}

uint32_t pipeline_take_key(struct pipeline *pipeline, uint32_t key)
{
    uint64_t word;
    _Atomic uint64_t *cell = cell_of(pipeline, key, &word);
    return cell && take(pipeline, cell, word) ? (uint32_t)word : 0;
}

uint32_t pipeline_next(const struct pipeline *pipeline, struct pipeline_walk *walk)
{
    while (walk->left && walk->seen < PIPELINE_LENGTH) {
        uint32_t entry = pipeline_entry(pipeline, walk->first + walk->seen++);
        walk->left -= entry != 0;
        if (entry)
            return entry;
    }
    return 0;
}

uint32_t pipeline_take_any(struct pipeline *pipeline)
{
    struct pipeline_walk walk = pipeline_walk(pipeline);
    uint32_t entry = pipeline_next(pipeline, &walk);
    if (!entry)
        return 0;
    _Atomic uint64_t *cell = &pipeline->cells[(walk.first + walk.seen - 1) % PIPELINE_LENGTH];
    return take(pipeline, cell, atomic_load_explicit(cell, memory_order_relaxed)) ? entry : 0;
}
