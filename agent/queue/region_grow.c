// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "agent/queue/lodging.h"
#include "agent/queue/region.h"
#include "agent/queue/region_memory.h"

#define RING_STEP_BYTES ((size_t)256 << 10) /* allocated at a time */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

bool region_populate(char *base, size_t from, size_t to)
{
    if (from == to || madvise(base + from, to - from, MADV_POPULATE_WRITE) == 0)
        return true;
    if (errno == EFAULT)
        errno = ENOSPC;
    return false;
}

bool region_do_without_file(char *base, size_t from, size_t to)
{
    return mmap(base + from, to - from, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

/* Who publishes what was made ready does it alone, and is quick. To make it ready takes long where
 * the processor is wanted by others, too; so any number of threads may be at that, and the first
 * one publishes. */
static bool begin_publishing(struct region *region)
{
    return !atomic_exchange_explicit(&region->growing, true, memory_order_acquire);
}

static void end_publishing(struct region *region)
{
    atomic_store_explicit(&region->growing, false, memory_order_release);
}

static void publish_ring(struct region *region, size_t ready)
{
    atomic_store_explicit(&region->header->ring_ready, ready, memory_order_relaxed);
    ring_grown(region->ring, ready);
}

/* Where the file can't have more. Children must not see it grow: what they have mapped there has no
 * memory. So not while one may be writing; then it is tried again. */
static void grow_without_file(struct region *region, size_t ready)
{
    size_t all = region->header->ring_bytes;
    char *base = (char *)region->header;
    if (lodging_end(region) && region_do_without_file(base, REGION_RING + ready, REGION_RING + all))
        ring_grown(region->ring, all);
}

static bool grow_ring(struct region *region)
{
    char *base = (char *)region->header;
    size_t all = region->header->ring_bytes;
    size_t ready = ring_ready(region->ring);
    if (!ring_wants_more(region->ring) || ready >= all)
        return true; /* somebody has been here */
    size_t next = ready + RING_STEP_BYTES < all ? ready + RING_STEP_BYTES : all;
    bool populated = region_populate(base, REGION_RING + ready, REGION_RING + next);
    if (!begin_publishing(region))
        return false;
    if (ring_ready(region->ring) == ready) {
        if (populated)
            publish_ring(region, next);
        else
            grow_without_file(region, ready);
    }
    end_publishing(region);
    return true;
}

static void grow_open(struct region *region)
{
    uint32_t ready = atomic_load_explicit(&region->open_ready, memory_order_acquire);
    size_t open_at = REGION_RING + region->header->ring_bytes;
    size_t from = open_at + ready * sizeof(struct region_open);
    size_t to = open_at + REGION_OPEN * sizeof(struct region_open); /* children have what follows */
    char *base = (char *)region->header;
    if (ready == REGION_OPEN)
        return; /* somebody has been here */
    bool populated = region_populate(base, from, to);
    if (!begin_publishing(region))
        return;
    if (atomic_load_explicit(&region->open_ready, memory_order_relaxed) == ready &&
        (populated || region_do_without_file(base, from, to))) {
        if (populated)
            atomic_store_explicit(&region->header->open_ready, REGION_OPEN, memory_order_relaxed);
        atomic_store_explicit(&region->open_ready, REGION_OPEN, memory_order_release);
    }
    end_publishing(region);
}

__attribute__((cold)) bool region_grow(struct region *region)
{
    if (!region->header)
        return false;
    int saved = errno;
    bool done = grow_ring(region);
    errno = saved;
    return done;
}

__attribute__((cold)) void region_grow_open(struct region *region)
{
    if (!region->header)
        return;
    int saved = errno;
    grow_open(region);
    errno = saved;
}
