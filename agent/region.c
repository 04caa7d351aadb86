// SPDX-License-Identifier: Apache-2.0
#include "agent/region.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/clock.h"

#define RECORD_BYTES   1024u  /* of ring per record: spans of web requests take 600 to 900 */
#define RING_BYTES_MIN 65536u /* or a small queue could not hold one large span */
#define LINE_BYTES     64u
#define MAP_FLAGS      (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static size_t round_up(size_t n, size_t unit) /* a power of two */
{
    return (n + unit - 1) & ~(unit - 1);
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* ring_bytes counts records, of which a granule of 64 bytes holds 56. */
static size_t ring_size(uint32_t records)
{
    size_t memory = RING_BYTES_MIN;
    while (memory < (size_t)records * RECORD_BYTES)
        memory *= 2;
    return ring_bytes(memory / 64 * 56);
}

/* Writes header and ring into zeroed memory. */
static bool furnish(struct region *region)
{
    size_t page = page_bytes();
    size_t ring_memory = ring_size(region->ring_records);
    size_t exchange_offset = page + round_up(ring_memory, page);
    char *base = region->base;
    region->ring = ring_init(base + page, ring_memory);
    region->exchanges = region->exchange_count ? base + exchange_offset : NULL;
    if (!region->ring)
        return false;
    ring_limit(region->ring, region->ring_records);

    /* Not getpid(): before 2.25 glibc remembers it across a raw clone. */
    *(struct region_header *)region->base = (struct region_header){
        .magic = REGION_MAGIC,
        .version = REGION_VERSION,
        .pid = (uint32_t)syscall(SYS_getpid),
        .started_unix_ns = clock_unix_ns(),
        .bytes = region->bytes,
        .ring_offset = page,
        .ring_bytes = ring_memory,
        .exchange_offset = exchange_offset,
        .exchange_bytes = region->exchange_bytes,
        .exchange_count = region->exchange_count,
    };
    return true;
}

/* Huge pages would make 2 MB resident at the first touch; where the kernel has none it says
 * EINVAL, which is as good. */
static void keep_pages_small(const struct region *region)
{
    (void)madvise(region->base, region->bytes, MADV_NOHUGEPAGE);
}

bool region_init(struct region *region, size_t ring_records, size_t exchange_bytes_each,
                 unsigned exchange_count)
{
    *region = (struct region){0};
    if (ring_records == 0)
        ring_records = 1;
    if (ring_records > RING_RECORDS_MAX)
        ring_records = RING_RECORDS_MAX;
    if (exchange_bytes_each > SIZE_MAX / 4 / (exchange_count + (size_t)1))
        return false;

    int saved = errno;
    size_t page = page_bytes();
    region->ring_records = (uint32_t)ring_records;
    region->exchange_bytes = round_up(exchange_bytes_each, LINE_BYTES);
    region->exchange_count = exchange_count;
    region->bytes = page + round_up(ring_size(region->ring_records), page) +
                    round_up(region->exchange_bytes * exchange_count, page);
    void *base = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE, MAP_FLAGS, -1, 0);
    if (base == MAP_FAILED) {
        *region = (struct region){0};
        errno = saved;
        return false;
    }
    region->base = base;
    keep_pages_small(region);
    bool furnished = furnish(region);
    if (!furnished)
        region_destroy(region);
    errno = saved;
    return furnished;
}

bool region_reset_ring(struct region *region)
{
    if (!region->base)
        return false;
    int saved = errno;
    size_t bytes = ((const struct region_header *)region->base)->exchange_offset;
    bool empty = madvise(region->base, bytes, MADV_DONTNEED) == 0;
    if (!empty) /* locked pages refuse; a new mapping in their place does not */
        empty = mmap(region->base, bytes, PROT_READ | PROT_WRITE, MAP_FLAGS | MAP_FIXED, -1, 0) !=
                MAP_FAILED;
    bool furnished = empty && furnish(region);
    if (!furnished)
        region->ring = NULL;
    errno = saved;
    return furnished;
}

void region_destroy(struct region *region)
{
    int saved = errno;
    if (region->base)
        munmap(region->base, region->bytes);
    *region = (struct region){0};
    errno = saved;
}
