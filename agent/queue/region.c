// SPDX-License-Identifier: Apache-2.0
#include "agent/queue/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/os.h"
#include "agent/base/process.h"
#include "agent/queue/region_memory.h"

#define RECORD_BYTES   1024u       /* of ring per record: spans of web requests take 600 to 900 */
#define RING_BYTES_MIN 65536u      /* or a small queue could not hold one large span */
#define REPLACING_NS   5000000000u /* longer than an exec takes that does not fail */

/* What is allocated at first. */
#define RING_FIRST_BYTES ((size_t)256 << 10)
#define OPEN_FIRST       8u

_Static_assert(sizeof(struct region_header) <= REGION_RESOURCE, "the header fits its page");
_Static_assert(sizeof(struct region_open) == REGION_OPEN_BYTES, "open spans lie close");
_Static_assert(sizeof(struct region_lodging) == REGION_LODGER_BYTES,
               "and lodgers' fill their places");
_Static_assert(OPEN_FIRST * sizeof(struct region_open) % REGION_PAGE == 0, "they fill pages");

static size_t round_up(size_t n, size_t unit) /* a power of two */
{
    return (n + unit - 1) & ~(unit - 1);
}

/* ring_bytes counts records, of which a granule of 64 bytes holds 56. */
static size_t ring_size(uint32_t records)
{
    size_t memory = RING_BYTES_MIN;
    while (memory < (size_t)records * RECORD_BYTES)
        memory *= 2;
    return round_up(ring_bytes(memory / 64 * 56), REGION_PAGE);
}

static size_t size_with(size_t ring_memory)
{
    return REGION_RING + ring_memory + REGION_OPEN * sizeof(struct region_open) +
           REGION_LODGERS * REGION_LODGER_BYTES;
}

/* Where the hole begins that lies behind an encoded resource of so many bytes. */
static size_t resource_end(size_t bytes)
{
    return REGION_RESOURCE + (bytes > REGION_RESOURCE_BYTES ? 0 : round_up(bytes, REGION_PAGE));
}

/* How much of it has memory. */
struct parts {
    size_t ring_bytes;
    uint32_t open;
    bool all; /* of the rest, too */
};

static void point_into(struct region *region, void *base, size_t ring_memory)
{
    region->header = base;
    region->open = (struct region_open *)((char *)base + REGION_RING + ring_memory);
}

/* Writes header and ring into zeroed memory. */
static void furnish(struct region *region, size_t ring_memory, uint32_t records,
                    const struct region_place *place, const struct parts *parts)
{
    uint64_t pid = (uint64_t)os.syscall(SYS_getpid); /* getpid() is remembered across a raw clone
                                                     before glibc 2.25 */
    char *base = (char *)region->header;
    region->ring = ring_init(base + REGION_RING, ring_memory);
    ring_set_limit(region->ring, records);
    ring_grown(region->ring, parts->ring_bytes);
    *region->header = (struct region_header){
        .magic = REGION_MAGIC,
        .version = REGION_VERSION,
        .pid = (uint32_t)pid,
        .user = (uint32_t)os.syscall(SYS_geteuid),
        .bytes = region->bytes,
        .ring_bytes = ring_memory,
        .unix_offset_ns = clock_unix_offset_ns(),
        .alive_ns = clock_monotonic_ns(),
        .ring_ready = parts->ring_bytes,
        .open_ready = parts->open,
        .lodgings_ready = parts->all ? REGION_LODGERS : 0,
    };
    /* Release: pairs with the acquire of a thread that looks here while we are at it. */
    atomic_store_explicit(&region->open_ready, parts->open, memory_order_release);
    if (!region->path[0])
        return; /* nobody else will read it */
    region->header->pid_namespace = process_namespace();
    region->header->started_ticks = process_started_ticks((uint32_t)pid);
    if (place->resource.length > REGION_RESOURCE_BYTES)
        return;
    memcpy(base + REGION_RESOURCE, place->resource.at, place->resource.length);
    region->header->resource_bytes = place->resource.length;
}

/* ---- the file ---- */

/* Not fallocate(), which some file systems and sandboxes do not know. */
static bool fill_with_zeros(int fd, size_t from, size_t to)
{
    static const char zeros[32768];
    while (from < to) {
        size_t left = to - from;
        ssize_t written = pwrite(fd, zeros, left < sizeof zeros ? left : sizeof zeros, (off_t)from);
        if (written <= 0)
            return false;
        from += (size_t)written;
    }
    return true;
}

/* The directory may go between two steps, with the last file of another process. */
#define TRIES 64

static int create_file(struct region *region, const struct region_place *place, const char **why)
{
    int fd = -1;
    for (int i = 0; i < TRIES && fd < 0; i++) {
        *why = region_name_new(region->path, place->directory, place->key);
        if (*why)
            return -1;
        fd =
            open(region->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0 && errno != ENOENT)
            break;
    }
    *why = strerror(errno);
    return fd;
}

/* Of its whole length, by name. -1: not to be had; then there is no file, and *why says so. */
static int make_file(struct region *region, const struct region_place *place, const char **why)
{
    *why = region_files_find_obstacle(place->directory, region->bytes);
    if (*why)
        return -1;
    int fd = create_file(region, place, why);
    if (fd < 0 || ftruncate(fd, (off_t)region->bytes) == 0)
        return fd;
    *why = strerror(errno);
    region_file_remove(region->path);
    os.close(fd);
    return -1;
}

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* Allocates what is needed at first; all, where more could not be had later. Says how much of the
 * ring that is, and how many open spans. */
static bool allocate(const struct region *region, char *base, int fd, size_t resource_bytes,
                     struct parts *parts)
{
    size_t ring_memory = region->bytes - size_with(0);
    size_t open_at = REGION_RING + ring_memory;
    *parts = (struct parts){least(RING_FIRST_BYTES, ring_memory), OPEN_FIRST, false};
    if (!fill_with_zeros(fd, 0, resource_end(resource_bytes)) ||
        !fill_with_zeros(fd, REGION_RING, REGION_RING + parts->ring_bytes) ||
        !fill_with_zeros(fd, open_at, open_at + OPEN_FIRST * sizeof(struct region_open)))
        return false;
    /* Asked of what is there already, or the kernel would read ahead. */
    if (region_populate(base, 0, REGION_PAGE))
        return true;
    *parts = (struct parts){ring_memory, REGION_OPEN, true};
    return errno == EINVAL && fill_with_zeros(fd, 0, region->bytes);
}

static void *map_file(struct region *region, const struct region_place *place, struct parts *parts)
{
    const char *why;
    if (!place->directory || !place->directory[0])
        return MAP_FAILED;
    int fd = make_file(region, place, &why);
    if (fd < 0) {
        log_once(LOG_INFO, NULL,
                 "spans wait in memory, and are lost if this process is killed: no file in %s: %s",
                 place->directory, why);
        return MAP_FAILED;
    }
    void *base = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base != MAP_FAILED && !allocate(region, base, fd, place->resource.length, parts)) {
        munmap(base, region->bytes);
        base = MAP_FAILED;
    }
    if (base == MAP_FAILED)
        region_file_remove(region->path);
    os.close(fd);
    return base;
}

static void *map_memory(struct region *region)
{
    region->path[0] = '\0';
    /* Shared, because forked children take spans in flight over from it. */
    void *base = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    /* Huge pages would make 2 MB resident at the first touch. */
    if (base != MAP_FAILED)
        (void)madvise(base, region->bytes, MADV_NOHUGEPAGE);
    return base;
}

/* One by one, because other threads look at `open_ready` meanwhile. */
static void clear(struct region *region)
{
    atomic_store_explicit(&region->open_ready, 0, memory_order_relaxed);
    atomic_store_explicit(&region->growing, false, memory_order_relaxed);
    region->header = NULL;
    region->bytes = 0;
    region->ring = NULL;
    region->open = NULL;
    memset(region->path, 0, sizeof region->path);
}

bool region_init(struct region *region, size_t ring_records, const struct region_place *place)
{
    if (ring_records == 0)
        ring_records = 1;
    if (ring_records > RING_RECORDS_MAX)
        ring_records = RING_RECORDS_MAX;
    int saved = errno;
    size_t ring_memory = ring_size((uint32_t)ring_records);
    clear(region);
    region->bytes = size_with(ring_memory);
    struct parts parts = {ring_memory, REGION_OPEN, true};
    void *base = map_file(region, place, &parts);
    if (base == MAP_FAILED) {
        parts = (struct parts){ring_memory, REGION_OPEN, true};
        base = map_memory(region);
    }
    errno = saved;
    if (base == MAP_FAILED) {
        clear(region);
        return false;
    }
    point_into(region, base, ring_memory);
    furnish(region, ring_memory, (uint32_t)ring_records, place, &parts);
    errno = saved;
    return true;
}

/* ---- for those who come after ---- */

static bool is_whole(const struct region_header *header, size_t bytes)
{
    return header->magic == REGION_MAGIC && region_is_read(header->version) &&
           header->bytes == bytes && header->resource_bytes <= REGION_RESOURCE_BYTES &&
           header->ring_bytes <= bytes && header->ring_ready <= header->ring_bytes &&
           header->ring_ready % REGION_PAGE == 0 &&
           (header->open_ready == OPEN_FIRST || header->open_ready == REGION_OPEN) &&
           header->lodgings_ready <= REGION_LODGERS && header->ring_bytes % REGION_PAGE == 0 &&
           size_with(header->ring_bytes) == bytes;
}

/* To read a hole takes room in some file systems; where there is none, that is a SIGBUS. */
static bool cover_holes(struct region *region)
{
    char *base = (char *)region->header;
    size_t ring_end = REGION_RING + region->header->ring_bytes;
    size_t ready_end = REGION_RING + region->header->ring_ready;
    size_t open_end = ring_end + region->open_ready * sizeof(struct region_open);
    size_t lodged_at = ring_end + REGION_OPEN * sizeof(struct region_open);
    size_t lodged_end = lodged_at + region->header->lodgings_ready * REGION_LODGER_BYTES;
    size_t said_end = resource_end(region->header->resource_bytes);
    return (said_end == REGION_RING || region_do_without_file(base, said_end, REGION_RING)) &&
           (ready_end == ring_end || region_do_without_file(base, ready_end, ring_end)) &&
           (open_end == lodged_at || region_do_without_file(base, open_end, lodged_at)) &&
           (lodged_end == region->bytes || region_do_without_file(base, lodged_end, region->bytes));
}

bool region_map(struct region *region, int fd, size_t bytes)
{
    *region = (struct region){.bytes = bytes};
    if (bytes < size_with(0))
        return false;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return false;
    const struct region_header *header = base;
    if (is_whole(header, bytes)) {
        point_into(region, base, header->ring_bytes);
        region->ring = (struct ring *)((char *)base + REGION_RING);
        region->open_ready = header->open_ready;
        if (cover_holes(region) && ring_adopt(region->ring, header->ring_bytes))
            return true;
    }
    munmap(base, bytes);
    *region = (struct region){0};
    return false;
}

bool region_take_open(struct region_open *open, uint64_t id)
{
    if (!atomic_compare_exchange_strong_explicit(&open->in_flight, &id, REGION_ENDING,
                                                 memory_order_acq_rel, memory_order_relaxed))
        return false;
    atomic_store_explicit(&open->ended, id, memory_order_release);
    return true;
}

bool region_has_something(const struct region *region)
{
    if (!region->header)
        return false;
    bool something = ring_pending(region->ring) != 0;
    uint32_t ready = atomic_load_explicit(&region->open_ready, memory_order_relaxed);
    for (size_t i = 0; i < ready; i++)
        something |= atomic_load_explicit(&region->open[i].in_flight, memory_order_relaxed) != 0;
    for (size_t i = 0; i < REGION_LODGERS; i++)
        something |=
            atomic_load_explicit(&region->header->lodgers[i].pid, memory_order_relaxed) != 0;
    return something;
}

/* Relaxed, here and below: read after the process's end. */
static void set(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

void region_is_alive(struct region *region, uint64_t now_ns, int64_t unix_offset_ns)
{
    struct region_header *header = region->header;
    set(&header->alive_ns, now_ns);
    atomic_store_explicit(&header->unix_offset_ns, unix_offset_ns, memory_order_relaxed);
    if (get(&header->replaced_ns) && now_ns - get(&header->replaced_ns) > REPLACING_NS)
        set(&header->replaced_ns, 0); /* exec failed */
}

/* By both clocks, because the one of the world may be set; but a monotonic time that is still to
 * come is from before the machine was started. Without a sign, because a file may say anything, and
 * a sum with one must not overflow. */
bool region_is_silent(const struct region_header *header, int64_t for_ns)
{
    uint64_t last = get(&header->alive_ns);
    uint64_t offset = (uint64_t)atomic_load_explicit(&header->unix_offset_ns, memory_order_relaxed);
    int64_t by_monotonic = (int64_t)(clock_monotonic_ns() - last);
    return (int64_t)(clock_unix_ns() - (last + offset)) > for_ns &&
           (by_monotonic < 0 || by_monotonic > for_ns);
}

void region_leave(struct region *region)
{
    if (!region_has_something(region))
        region_unlink(region);
}

void region_replace(struct region *region, uint64_t handed_on)
{
    char path[sizeof region->path + sizeof REGION_REPLACED];
    region_leave(region);
    if (!region->path[0])
        return;
    uint64_t now_ns = clock_monotonic_ns();
    set(&region->header->alive_ns, now_ns);
    set(&region->header->handed_on, handed_on);
    set(&region->header->replaced_ns, now_ns);
    /* So that others, to whom the process seems to live on, look into it. */
    int length = snprintf(path, sizeof path, "%s" REGION_REPLACED, region->path);
    if (length > 0 && (size_t)length < sizeof region->path &&
        !strstr(region->path, REGION_REPLACED) && rename(region->path, path) == 0)
        memcpy(region->path, path, (size_t)length + 1);
}

void region_unlink(struct region *region)
{
    int saved = errno;
    if (region->path[0] && !region_file_remove(region->path))
        region->header->magic = REGION_VOID;
    region->path[0] = '\0';
    errno = saved;
}

void region_forget(struct region *region)
{
    int saved = errno;
    void *base = region->header;
    size_t bytes = region->bytes;
    *region = (struct region){0}; /* first, because another thread may fork in between */
    if (base)
        munmap(base, bytes);
    errno = saved;
}
