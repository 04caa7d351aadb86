// SPDX-License-Identifier: Apache-2.0
/* pipeline.h - the requests of a connection that are not over.
 *
 * The side that reads requests places them, the side that writes responses takes them; each side is
 * one thread at a time. Each request has a key: 0 where requests are answered in the order in which
 * they came, else what the protocol calls it by (a stream's id), so that any of many that are open
 * can be answered. A connection's have either no keys or all have one.
 *
 * Without keys the cells are a ring, from `taken` to `placed`. With keys a request lies in any
 * cell, and these two count; either side may take one then. A free cell is 0. */
#ifndef AGENT_PIPELINE_H
#define AGENT_PIPELINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/work/exchange.h"

#define PIPELINE_LENGTH 64

struct pipeline {
    _Atomic uint64_t cells[PIPELINE_LENGTH]; /* the key in the upper half, the entry in the lower */
    _Atomic uint32_t taken;  /* release by the response side, acquire by the request side */
    _Atomic uint32_t placed; /* the other way round */
};

/* An entry: the exchange's slot + 1, or PIPELINE_UNTRACED; what else is to be known of it. */
#define PIPELINE_SLOT     0x1fffffffu
#define PIPELINE_UNTRACED 0x1fffffffu
#define PIPELINE_ALONG    0x20000000u /* its head came in one call with bytes of the one before it */
#define PIPELINE_NOTE     30          /* the shift of two bits that the protocol keeps there */

/* The exchange of an entry; NULL where it has none, or is 0. */
static inline struct exchange *pipeline_exchange(uint32_t entry)
{
    uint32_t slot = (entry & PIPELINE_SLOT) - 1; /* of none it is beyond all others */
    return slot < PIPELINE_UNTRACED - 1 ? exchange_at(slot) : NULL;
}

/* The entry in the cell that a request without a key has; 0: it was taken. */
static inline uint32_t pipeline_entry(const struct pipeline *pipeline, uint32_t place)
{
    return (uint32_t)atomic_load_explicit(&pipeline->cells[place % PIPELINE_LENGTH],
                                          memory_order_relaxed);
}

/* ---- without keys ---- */

/* False: it is full. */
__attribute__((always_inline)) static inline bool pipeline_place(struct pipeline *pipeline,
                                                                 uint32_t entry)
{
    uint32_t placed = atomic_load_explicit(&pipeline->placed, memory_order_relaxed);
    if (placed - atomic_load_explicit(&pipeline->taken, memory_order_acquire) == PIPELINE_LENGTH)
        return false;
    atomic_store_explicit(&pipeline->cells[placed % PIPELINE_LENGTH], entry, memory_order_relaxed);
    atomic_store_explicit(&pipeline->placed, placed + 1, memory_order_release);
    return true;
}

/* The oldest entry, 0 when there is none. */
static inline uint32_t pipeline_front(const struct pipeline *pipeline)
{
    uint32_t taken = atomic_load_explicit(&pipeline->taken, memory_order_relaxed);
    if (taken == atomic_load_explicit(&pipeline->placed, memory_order_acquire))
        return 0;
    return pipeline_entry(pipeline, taken);
}

/* For the side that reads requests: the newest entry, 0 when that was taken. */
static inline uint32_t pipeline_newest(const struct pipeline *pipeline)
{
    uint32_t placed = atomic_load_explicit(&pipeline->placed, memory_order_relaxed);
    if (placed == atomic_load_explicit(&pipeline->taken, memory_order_acquire))
        return 0;
    return pipeline_entry(pipeline, placed - 1);
}

/* Takes the oldest. */
static inline void pipeline_take(struct pipeline *pipeline)
{
    uint32_t taken = atomic_load_explicit(&pipeline->taken, memory_order_relaxed);
    atomic_store_explicit(&pipeline->cells[taken % PIPELINE_LENGTH], 0, memory_order_relaxed);
    atomic_fetch_add(&pipeline->taken, 1);
}

/* ---- with keys, which are not 0 ---- */

/* For the side that reads requests. False: as many are open as there is room for. */
bool pipeline_place_key(struct pipeline *pipeline, uint32_t key, uint32_t entry);

/* The entry of that key, 0 when there is none. */
uint32_t pipeline_find(const struct pipeline *pipeline, uint32_t key);

/* The same, and takes it: where both sides try, one gets it. */
uint32_t pipeline_take_key(struct pipeline *pipeline, uint32_t key);

/* ---- with or without ---- */

/* For the side that reads requests: is none waiting for its answer? */
static inline bool pipeline_empty(const struct pipeline *pipeline)
{
    return atomic_load_explicit(&pipeline->placed, memory_order_relaxed) ==
           atomic_load(&pipeline->taken);
}

/* A walk over what is open, oldest first where there are no keys. What is placed or taken
 * meanwhile may be passed over. */
struct pipeline_walk {
    uint32_t first;
    uint32_t seen; /* cells */
    uint32_t left; /* entries */
};

static inline struct pipeline_walk pipeline_walk(const struct pipeline *pipeline)
{
    uint32_t placed = atomic_load_explicit(&pipeline->placed, memory_order_acquire);
    uint32_t taken = atomic_load_explicit(&pipeline->taken, memory_order_acquire);
    return (struct pipeline_walk){taken, 0, placed - taken};
}

/* The next entry, 0 at the end. */
uint32_t pipeline_next(const struct pipeline *pipeline, struct pipeline_walk *walk);

/* For who owns both sides: takes any, the oldest where there are no keys. 0: none is open. */
uint32_t pipeline_take_any(struct pipeline *pipeline);

#endif
