// SPDX-License-Identifier: Apache-2.0
/* region.h - the memory of a process's unfinished business.
 *
 * One mapping holds the ring of finished spans and the open exchanges, position-independent behind
 * a header that says where they lie, so that the same region can become a file that another
 * process reads. Only pages that are used become resident. */
#ifndef AGENT_REGION_H
#define AGENT_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ring.h"

#define REGION_MAGIC   UINT64_C(0x6f74656c72656731)
#define REGION_VERSION 1u

/* At the region's base; offsets in bytes from there. */
struct region_header {
    uint64_t magic;
    uint32_t version;
    uint32_t pid;             /* as the process itself sees it */
    uint64_t started_unix_ns; /* when this process began to use the region */
    uint64_t bytes;           /* the whole region */
    uint64_t ring_offset;
    uint64_t ring_bytes;
    uint64_t exchange_offset;
    uint64_t exchange_bytes; /* each */
    uint64_t exchange_count;
};

struct region {
    void *base; /* NULL: none */
    size_t bytes;
    struct ring *ring;
    void *exchanges;       /* zeroed, aligned to a page; NULL where none were asked for */
    size_t exchange_bytes; /* from one to the next: as asked for, rounded up to 64 */
    unsigned exchange_count;
    uint32_t ring_records; /* the ring's limit */
};

/* Maps a region. The ring holds at most `ring_records` records (1..RING_RECORDS_MAX, else brought
 * inside) and has 1 KiB of memory for each, at least 64 KiB, rounded up to a power of two. False:
 * no memory, or sizes that overflow; then `region` has a NULL base. Keeps errno. */
bool region_init(struct region *region, size_t ring_records, size_t exchange_bytes_each,
                 unsigned exchange_count);

/* In a forked child, by its only user: an empty ring under the same address. The records inherited
 * are dropped without being counted, because they are the parent's and the parent has them still.
 * Exchanges stay: an open one belongs to the process that moves its next byte. False: the kernel
 * refused; then region->ring is NULL. Keeps errno. */
bool region_reset_ring(struct region *region);

void region_destroy(struct region *region);

#endif
