// SPDX-License-Identifier: Apache-2.0
/* ring_memory.h - how a ring lies in its memory: a head, then granules, of which positions are
 * counted on and on, lap after lap.
 *
 * Only ring.c (and what tests it) includes this. A granule is a cache line: a control word and 56
 * bytes of payload. A record fills a run of granules; the control word of the first is its header.
 * States of a control word:
 *
 *   FREE(lap)   in every granule that may be claimed at its position in that lap; lap 0 is all
 *               zero, so fresh memory needs no preparation and stays untouched until used. A
 *               writer that slept through laps expects a FREE of a lap that never returns: its
 *               CAS fails, whatever lies there now.
 *   BUSY        claimed by `tid`, in lap `stamp`; being copied
 *   READY       committed
 *   PAD         nothing here: the run up to a hole was too short for a record
 *   RETIRED     a hole: the reader gave up on a writer that may be alive, at second `stamp`. The
 *               run is left out of the following laps, so the late copy harms nobody, until
 *   RELEASED    that writer came back, saw, and will write no more: freed at the next visit.
 *               Likewise when its thread is gone, or HOLE_SECONDS have passed (it jumped away:
 *               better to risk one granule of one span than to shrink the ring for good).
 *
 * The granules of a run after the first keep their FREE word; nobody looks for it, because the
 * tail passes from header to header. */
#ifndef AGENT_RING_MEMORY_H
#define AGENT_RING_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define GRANULE_BYTES 64u
#define PAYLOAD_BYTES 56u
#define PAYLOAD_WORDS 7u

/* Place: position and number of records, as tail and head hold them. */
#define RECORD_BITS   20
#define RECORD_MASK   ((1u << RECORD_BITS) - 1)
#define POSITION_MASK ((UINT64_C(1) << 44) - 1)

/* Control word: state 3 bits, length in 8-byte words 12, thread id 22 (Linux gives no larger),
 * stamp 27. FREE has the whole lap above its state. */
enum state { FREE, BUSY, READY, PAD, RETIRED, RELEASED };
#define STATE_BITS   3
#define LENGTH_SHIFT 3
#define LENGTH_MASK  0xfffu
#define TID_SHIFT    15
#define TID_MASK     0x3fffffu
#define STAMP_SHIFT  37
#define STAMP_MASK   0x7ffffffu

struct granule {
    _Atomic uint64_t word;
    unsigned char payload[PAYLOAD_BYTES];
};

_Static_assert(sizeof(struct granule) == GRANULE_BYTES, "a granule is a cache line");

static inline uint32_t run_of(uint64_t word)
{
    uint32_t words = (uint32_t)(word >> LENGTH_SHIFT) & LENGTH_MASK;
    return (words + PAYLOAD_WORDS - 1) / PAYLOAD_WORDS;
}

static inline enum state state_of(uint64_t word)
{
    return (enum state)(word & ((1u << STATE_BITS) - 1));
}

static inline uint64_t with_state(uint64_t word, enum state state)
{
    return (word & ~(uint64_t)((1u << STATE_BITS) - 1)) | state;
}

static inline uint64_t with_stamp(uint64_t word, uint64_t stamp)
{
    return (word & ~((uint64_t)STAMP_MASK << STAMP_SHIFT)) | (stamp & STAMP_MASK) << STAMP_SHIFT;
}

static inline bool is_hole(uint64_t word)
{
    return state_of(word) == RETIRED || state_of(word) == RELEASED;
}

static inline uint64_t position_of(uint64_t place)
{
    return place >> RECORD_BITS;
}

static inline uint64_t place_after(uint64_t place, uint32_t run, uint32_t records)
{
    return ((position_of(place) + run) << RECORD_BITS) | ((place + records) & RECORD_MASK);
}

static inline uint32_t records_between(uint64_t tail, uint64_t head)
{
    return (uint32_t)(tail - head) & RECORD_MASK;
}

/* ---- the ring ---- */

#define RING_ALL_READY UINT64_MAX

struct ring {
    /* Written by ring_init and ring_set_limit, before any thread. */
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
