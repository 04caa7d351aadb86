// SPDX-License-Identifier: Apache-2.0
/* A ring whose memory is made ready while it is used. */
#include "agent/queue/ring.h"

#include "agent/queue/ring_memory.h"

__attribute__((cold)) void ring_grown(struct ring *ring, size_t bytes)
{
    uint64_t ready = (bytes - sizeof *ring) / GRANULE_BYTES;
    /* Release pairs with the acquire in claim(): the memory is there. */
    atomic_store_explicit(&ring->ready, ready < ring->granules ? ready : RING_ALL_READY,
                          memory_order_release);
    ring_set_mark(ring);
}

size_t ring_ready(const struct ring *ring)
{
    uint64_t ready = atomic_load_explicit(&ring->ready, memory_order_acquire);
    return ready == RING_ALL_READY ? SIZE_MAX : sizeof *ring + (size_t)ready * GRANULE_BYTES;
}

__attribute__((cold)) bool ring_wants_more(const struct ring *ring)
{
    uint64_t ready = atomic_load_explicit(&ring->ready, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return ready != RING_ALL_READY && position_of(tail) + GROW_AHEAD > ready;
}
