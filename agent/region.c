// SPDX-License-Identifier: Apache-2.0
#include "agent/region.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/log.h"
#include "agent/process.h"

#define RECORD_BYTES   1024u  /* of ring per record: spans of web requests take 600 to 900 */
#define RING_BYTES_MIN 65536u /* or a small queue could not hold one large span */
#define PAGE_BYTES     4096u
#define REPLACING_NS   5000000000u /* longer than an exec takes that does not fail */

_Static_assert(sizeof(struct region_header) <= REGION_RESOURCE, "the header fits its page");
_Static_assert(sizeof(struct region_open) == REGION_OPEN_BYTES, "open spans lie close");

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
    return round_up(ring_bytes(memory / 64 * 56), PAGE_BYTES);
}

static size_t size_with(size_t ring_memory)
{
    return REGION_RING + ring_memory + REGION_OPEN * sizeof(struct region_open);
}

static void point_into(struct region *region, void *base, size_t ring_memory)
{
    region->header = base;
    region->open = (struct region_open *)((char *)base + REGION_RING + ring_memory);
}

/* Writes header and ring into zeroed memory. */
static void furnish(struct region *region, size_t ring_memory, uint32_t records,
                    const struct region_place *place)
{
    uint64_t pid = (uint64_t)syscall(SYS_getpid); /* getpid() is remembered across a raw clone
                                                     before glibc 2.25 */
    char *base = (char *)region->header;
    region->ring = ring_init(base + REGION_RING, ring_memory);
    ring_limit(region->ring, records);
    *region->header = (struct region_header){
        .magic = REGION_MAGIC,
        .version = REGION_VERSION,
        .pid = (uint32_t)pid,
        .bytes = region->bytes,
        .ring_bytes = ring_memory,
        .unix_offset_ns = clock_unix_offset_ns(),
        .alive_ns = clock_monotonic_ns(),
    };
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

/* Does a page that was once written have its place for ever? Not where each change goes to a new
 * place, as in btrfs, or to another machine: there a full disk, or a lost one, is a SIGBUS in
 * whichever thread of the program touches the page. */
static bool keeps_places(const struct statfs *system)
{
    static const uint32_t known[] = {TMPFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
                                     OVERLAYFS_SUPER_MAGIC};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((uint32_t)system->f_type == known[i])
            return true;
    return false;
}

/* A file that is longer than the process may write is a SIGXFSZ. One that takes more than half of
 * what is left would rob those whom the file system was made for: /dev/shm has 64 MB in a
 * container. */
static const char *obstacle(const char *directory, size_t bytes)
{
    struct rlimit limit;
    struct statfs system;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < bytes)
        return "files may not be as large here";
    if (statfs(directory, &system) != 0)
        return strerror(errno);
    if (!keeps_places(&system))
        return "it is neither on tmpfs nor on ext4, xfs or an overlay of them";
    if ((uint64_t)system.f_bavail * (uint64_t)system.f_bsize / 2 < bytes)
        return "it would take more than half of the room that is left";
    if (!region_files_room(directory, bytes))
        return "ended processes left too many there that nobody has come for";
    return NULL;
}

/* Not fallocate(), which some file systems and sandboxes do not know. */
static bool fill_with_zeros(int fd, size_t bytes)
{
    static const char zeros[32768];
    for (size_t done = 0; done < bytes;) {
        size_t left = bytes - done;
        ssize_t written = pwrite(fd, zeros, left < sizeof zeros ? left : sizeof zeros, (off_t)done);
        if (written <= 0)
            return false;
        done += (size_t)written;
    }
    return true;
}

#define TRIES                                                                                      \
    64 /* the directory may go between two steps, with the last file of another process            \
        */

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

/* Allocated in full, by name. -1: not to be had; then there is no file, and *why says so. */
static int make_file(struct region *region, const struct region_place *place, const char **why)
{
    *why = obstacle(place->directory, region->bytes);
    if (*why)
        return -1;
    int fd = create_file(region, place, why);
    if (fd < 0 || fill_with_zeros(fd, region->bytes))
        return fd;
    *why = strerror(errno);
    region_file_remove(region->path);
    close(fd);
    return -1;
}

static void *map_file(struct region *region, const struct region_place *place)
{
    const char *why;
    if (!place->directory || !place->directory[0])
        return MAP_FAILED;
    int fd = make_file(region, place, &why);
    if (fd < 0) {
        log_write(LOG_INFO,
                  "spans wait in memory, and are lost if this process is killed: no file in %s: %s",
                  place->directory, why);
        return MAP_FAILED;
    }
    void *base = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        region_file_remove(region->path);
    close(fd);
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

bool region_init(struct region *region, size_t ring_records, const struct region_place *place)
{
    if (ring_records == 0)
        ring_records = 1;
    if (ring_records > RING_RECORDS_MAX)
        ring_records = RING_RECORDS_MAX;
    int saved = errno;
    size_t ring_memory = ring_size((uint32_t)ring_records);
    *region = (struct region){.bytes = size_with(ring_memory)};
    void *base = map_file(region, place);
    if (base == MAP_FAILED)
        base = map_memory(region);
    errno = saved;
    if (base == MAP_FAILED) {
        *region = (struct region){0};
        return false;
    }
    point_into(region, base, ring_memory);
    furnish(region, ring_memory, (uint32_t)ring_records, place);
    errno = saved;
    return true;
}

/* ---- for those who come after ---- */

static bool is_whole(const struct region_header *header, size_t bytes)
{
    return header->magic == REGION_MAGIC && header->version == REGION_VERSION &&
           header->bytes == bytes && header->resource_bytes <= REGION_RESOURCE_BYTES &&
           header->ring_bytes <= bytes && header->ring_bytes % PAGE_BYTES == 0 &&
           size_with(header->ring_bytes) == bytes;
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
        if (ring_adopt(region->ring, header->ring_bytes))
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
    for (size_t i = 0; i < REGION_OPEN; i++)
        something |= atomic_load_explicit(&region->open[i].in_flight, memory_order_relaxed) != 0;
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

void region_alive(struct region *region, uint64_t now_ns, int64_t unix_offset_ns)
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
    if (region->header)
        munmap(region->header, region->bytes);
    *region = (struct region){0};
    errno = saved;
}
