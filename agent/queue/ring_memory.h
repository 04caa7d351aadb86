// SPDX-License-Identifier: Apache-2.0
/* ring_memory.h - how a ring lies in its memory: a head, then granules, of which positions are
 * counted on and on, lap after lap.
 *
 * Only ring.c (and what tests it) includes this. */
#ifndef AGENT_RING_MEMORY_H
#define AGENT_RING_MEMORY_H

#include "agent/queue/granule.h"

#define RING_ALL_READY UINT64_MAX

struct ring {
    /* Written by ring_init and ring_limit, before any thread. */
    uint32_t granules; /* a power of two */
    uint32_t shift;    /* its logarithm */
    uint32_t limit;    /* records */

    /* Written now and then, read by each write. */
    _Atomic uint64_t ready; /* no position from here on may be touched; RING_ALL_READY: each may */
    _Atomic uint64_t mark;  /* a place: of a tail beyond it the reader is told */

    /* Writers'. On a line of its own, because each write changes it. */
    _Alignas(GRANULE_BYTES) _Atomic uint64_t tail;

    /* The reader's. Writers read the head only. */
    _Alignas(GRANULE_BYTES) _Atomic uint64_t head;
    _Atomic uint64_t taken;     /* relaxed: sums for the accounts, ordered with nothing */
    _Atomic uint64_t abandoned; /* likewise */
    uint64_t cursor;            /* place of the next record to peek at, at the head or after it */
    uint64_t seen;              /* records between head and cursor that were handed out */
    uint64_t watched;           /* position of a busy record + 1; 0: none */
    uint64_t since_ns;          /* when it was first seen busy */
    uint64_t visited_ns;        /* the last visit that counted */
    uint64_t asked_ns;          /* the last question for its thread */
    uint32_t visits;
    uint32_t orphaned;      /* 1: adopted, no writer is left */
    uint64_t handed;        /* place after the last record that was handed out */
    _Atomic uint64_t noted; /* up to which position, and what of it, as ring_note() has it */

    _Alignas(GRANULE_BYTES) struct granule at[];
};

static inline uint64_t lap_of(const struct ring *ring, uint64_t position)
{
    return (position & POSITION_MASK) >> ring->shift;
}

static inline uint64_t free_word(const struct ring *ring, uint64_t position)
{
    return lap_of(ring, position) << STATE_BITS | FREE;
}

static inline struct granule *granule_at(struct ring *ring, uint64_t position)
{
    return &ring->at[position & (ring->granules - 1)];
}

/* Is it the header of something claimed at this position in its lap? */
static inline bool is_claimed(const struct ring *ring, uint64_t position, uint64_t word)
{
    enum state state = state_of(word);
    return (state == BUSY || state == READY || state == PAD) &&
           (word >> STAMP_SHIFT) == (lap_of(ring, position) & STAMP_MASK);
}

#define GROW_AHEAD 1024u /* granules: more than is written while more memory is made ready */

/* Half a lap from the head, or where more memory has to be made ready. Threads that do this at the
 * same time leave a mark that is too low at worst: then somebody is told in vain. */
static inline void ring_set_mark(struct ring *ring)
{
    uint64_t ready = atomic_load_explicit(&ring->ready, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t half = position_of(head) + ring->granules / 2;
    uint64_t soon = ready == RING_ALL_READY ? half : ready > GROW_AHEAD ? ready - GROW_AHEAD : 0;
    uint64_t mark = (soon < half ? soon : half) << RECORD_BITS | RECORD_MASK;
    atomic_store_explicit(&ring->mark, mark, memory_order_relaxed);
}

#endif
