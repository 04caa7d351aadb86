// SPDX-License-Identifier: Apache-2.0
/* What a ring's reader notes about records that it has seen, for the reader after it. */
#include "agent/queue/ring.h"

#include "agent/queue/ring_memory.h"

/* Up to a record's end, not to the cursor, which may have passed holes behind it: so what lies
 * before that place begins with a record that was seen. */
void ring_note(struct ring *ring, uint32_t what)
{
    uint64_t noted = (ring->handed & ~(uint64_t)RECORD_MASK) | (what & RECORD_MASK);
    /* Release: what was done with the records comes before. */
    atomic_store_explicit(&ring->noted, noted, memory_order_release);
}

/* A note that lies behind the cursor is of records that were released since. */
uint32_t ring_noted(const struct ring *ring)
{
    uint64_t noted = atomic_load_explicit(&ring->noted, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t cursor = position_of(ring->cursor);
    uint64_t ahead = (position_of(noted) - cursor) & POSITION_MASK;
    bool is_next = ahead && ahead <= ((position_of(tail) - cursor) & POSITION_MASK);
    return is_next ? (uint32_t)noted & RECORD_MASK : 0;
}
