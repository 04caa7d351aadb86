// SPDX-License-Identifier: Apache-2.0
/* pipeline.h - the requests of a connection that wait for their answers, oldest first.
 *
 * The side that reads requests places them, the side that writes responses takes them; each side is
 * one thread at a time. What else an entry says goes along in its upper bits. */
#ifndef AGENT_PIPELINE_H
#define AGENT_PIPELINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PIPELINE_LENGTH 64

struct pipeline {
    _Atomic uint32_t entries[PIPELINE_LENGTH];
    _Atomic uint32_t taken;  /* release by the response side, acquire by the request side */
    _Atomic uint32_t placed; /* the other way round */
};

/* An entry: the exchange's slot + 1, or PIPELINE_UNTRACED; the method's influence on framing. */
#define PIPELINE_SLOT     0x1fffffffu
#define PIPELINE_UNTRACED 0x1fffffffu
#define PIPELINE_ALONG    0x20000000u /* its head came in one call with bytes of the one before it */
#define PIPELINE_METHOD   30          /* the shift of enum http1_method */

__attribute__((always_inline)) static inline bool pipeline_place(struct pipeline *pipeline,
                                                                 uint32_t entry)
{
    uint32_t placed = atomic_load_explicit(&pipeline->placed, memory_order_relaxed);
    if (placed - atomic_load_explicit(&pipeline->taken, memory_order_acquire) == PIPELINE_LENGTH)
        return false;
    atomic_store_explicit(&pipeline->entries[placed % PIPELINE_LENGTH], entry,
                          memory_order_relaxed);
    atomic_store_explicit(&pipeline->placed, placed + 1, memory_order_release);
    return true;
}

/* The oldest entry, 0 when there is none. */
static inline uint32_t pipeline_front(struct pipeline *pipeline)
{
    uint32_t taken = atomic_load_explicit(&pipeline->taken, memory_order_relaxed);
    if (taken == atomic_load_explicit(&pipeline->placed, memory_order_acquire))
        return 0;
    return atomic_load_explicit(&pipeline->entries[taken % PIPELINE_LENGTH], memory_order_relaxed);
}

/* For the side that reads requests: is none waiting for its answer? */
static inline bool pipeline_empty(struct pipeline *pipeline)
{
    return atomic_load_explicit(&pipeline->placed, memory_order_relaxed) ==
           atomic_load(&pipeline->taken);
}

static inline void pipeline_take(struct pipeline *pipeline)
{
    atomic_fetch_add(&pipeline->taken, 1);
}

#endif
