// SPDX-License-Identifier: Apache-2.0
#include "agent/queue/recovery.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/base/log.h"
#include "agent/base/os.h"
#include "agent/queue/lodging.h"
#include "agent/queue/orphan.h"

#define SIGNAL_MOST 64
#define DAY_NS      86400000000000
#define SWEPT_NS    3600000000000u                 /* for so long nobody sweeps again, */
#define SWEPT_MANY  16                             /* where as many files were looked into */
#define PLACES      (REGION_OPEN + REGION_LODGERS) /* of spans in flight: its own, then children's */

static struct {
    char directory[REGION_PATH_BYTES];
    uint64_t key;

    struct orphan dead; /* the one that is being emptied */
    bool held;          /* the last look came across one that somebody else has */
    unsigned next_open;
    unsigned given_open; /* up to there they were given out */
    bool ended[PLACES];  /* given out, from the ring or as it was in flight */
} heir;

void recovery_init(const char *directory, uint64_t key)
{
    heir.directory[0] = '\0';
    heir.key = key;
    if (directory && strlen(directory) < sizeof heir.directory)
        memcpy(heir.directory, directory, strlen(directory) + 1);
}

/* ---- taking it ---- */

static bool take(const struct region_name *name, const char *path, void *unused)
{
    (void)unused;
    if (name->key != heir.key || !orphan_is_likely(name))
        return false;
    if (!orphan_take(&heir.dead, name, path)) {
        heir.held |= heir.dead.held;
        return false;
    }
    if (heir.dead.region.header)
        return true;
    orphan_release(&heir.dead, heir.dead.is_void);
    return false;
}

bool recovery_is_held(void)
{
    return heir.held;
}

bool recovery_begin(struct recovery *recovery)
{
    heir.held = false;
    if (!region_files_visit(heir.directory, take, NULL))
        return false;
    const struct region_header *header = heir.dead.region.header;
    *recovery = (struct recovery){
        .ring = heir.dead.region.ring,
        .resource = {(const char *)header + REGION_RESOURCE, header->resource_bytes},
        .unix_offset_ns = atomic_load_explicit(&header->unix_offset_ns, memory_order_relaxed),
    };
    heir.next_open = heir.given_open = 0;
    memset(heir.ended, 0, sizeof heir.ended);
    return true;
}

void recovery_end(struct recovery *recovery, bool all)
{
    orphan_release(&heir.dead, all);
    *recovery = (struct recovery){0};
}

/* ---- what nobody comes for ---- */

/* Of the resource's encoding only the field that everybody knows: KeyValue{"service.name",
 * AnyValue{string}}, each length in one byte. */
static struct slice service_of(const struct region_header *header)
{
    static const char key[] = "\x0a\x0cservice.name\x12";
    const char *at = (const char *)header + REGION_RESOURCE;
    const char *end = at + header->resource_bytes;
    at = memmem(at, header->resource_bytes, key, sizeof key - 1);
    if (!at || end - at < (ptrdiff_t)sizeof key + 3)
        return SLICE_LITERAL("(unknown)");
    at += sizeof key - 1 + 2; /* AnyValue's length and its tag */
    size_t length = (unsigned char)*at++;
    return length < 128 && length <= (size_t)(end - at) ? (struct slice){at, length}
                                                        : SLICE_LITERAL("(unknown)");
}

/* NULL where it has no memory. */
static struct region_open *place(const struct region *region, unsigned number)
{
    if (number >= REGION_OPEN)
        return lodging_place(region, number - REGION_OPEN);
    return number < region->open_ready ? &region->open[number] : NULL;
}

static unsigned spans_in(const struct region *region)
{
    unsigned spans = ring_pending(region->ring);
    for (unsigned i = 0; i < PLACES; i++) {
        const struct region_open *open = place(region, i);
        spans += open && atomic_load_explicit(&open->in_flight, memory_order_relaxed) != 0;
    }
    return spans;
}

static void tell(const struct region *region)
{
    unsigned spans = spans_in(region);
    struct slice service = service_of(region->header);
    if (spans)
        log_write(
            LOG_WARN,
            "%u spans of service %.*s are lost: process %u was killed, and for a day no other "
            "of that service has sent them",
            spans, (int)service.length, service.at, region->header->pid);
}

/* A day is longer than a service stays down whose spans are of interest still. */
static bool is_over(const struct orphan *orphan)
{
    if (!orphan->region.header)
        return orphan->is_void || (int64_t)clock_unix_ns() - orphan->written_ns > DAY_NS;
    return !region_has_something(&orphan->region) ||
           region_is_silent(orphan->region.header, DAY_NS);
}

static bool sweep(const struct region_name *name, const char *path, void *context)
{
    unsigned *looked_into = context;
    struct orphan orphan;
    if (!orphan_is_likely(name))
        return false;
    ++*looked_into;
    if (!orphan_take(&orphan, name, path))
        return false;
    bool readable = orphan.region.header != NULL;
    /* Those of our own service we have sent, or will. */
    bool over = (!readable || name->key != heir.key) && is_over(&orphan);
    if (over && readable)
        tell(&orphan.region);
    orphan_release(&orphan, over);
    return false;
}

#define SWEPT_NAME "swept"

static bool was_swept(void)
{
    struct stat status;
    int fd = note_open(SWEPT_NAME, O_RDONLY, 0);
    bool lately = fd >= 0 && fstat(fd, &status) == 0 &&
                  clock_unix_ns() - (uint64_t)status.st_mtim.tv_sec * 1000000000 < SWEPT_NS;
    if (fd >= 0)
        os.close(fd);
    if (fd >= 0 && !lately)
        note_remove(SWEPT_NAME);
    return lately;
}

/* Where there are many, short processes would do nothing else: one of them is enough. */
void recovery_sweep(void)
{
    unsigned looked_into = 0;
    if (was_swept())
        return;
    region_files_visit(heir.directory, sweep, &looked_into);
    int fd = looked_into > SWEPT_MANY ? note_open(SWEPT_NAME, O_RDWR | O_CREAT, 1) : -1;
    if (fd >= 0)
        os.close(fd);
}

/* ---- how it ended ---- */

struct death {
    uint32_t pid;
    uint32_t signal;
};

/* A master may be root and its workers not, so whose file it is does not matter; that it is a
 * region's does. */
static bool note_signal(const struct region_name *name, const char *path, void *context)
{
    const struct death *death = context;
    struct stat status;
    uint64_t magic = 0;
    (void)path;
    if (name->pid != death->pid || !name->here)
        return false;
    int fd = openat(name->directory, name->text,
                    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1 &&
        pread(fd, &magic, sizeof magic, 0) == sizeof magic && magic == REGION_MAGIC)
        (void)!pwrite(fd, &death->signal, sizeof death->signal,
                      offsetof(struct region_header, signal));
    os.close(fd);
    return false; /* there is another one if it exec'd */
}

void recovery_note_signal(uint32_t pid, uint32_t signal)
{
    struct death death = {pid, signal};
    if (geteuid() == 0)
        region_files_visit_all(heir.directory, note_signal, &death);
    else
        region_files_visit(heir.directory, note_signal, &death);
}

/* ---- spans in flight ---- */

void recovery_saw(struct recovery *recovery, const struct span_record *record)
{
    (void)recovery;
    for (unsigned i = 0; i < PLACES; i++) {
        const struct region_open *open = place(&heir.dead.region, i);
        const struct span_record *in_flight = open ? (const void *)open->record : NULL;
        if (open && memcmp(in_flight->span_id, record->span_id, sizeof record->span_id) == 0)
            heir.ended[i] = true;
    }
}

/* The names that people know; a number for those that end a process rarely. */
static struct slice signal_name(uint32_t signal, char text[16])
{
    static const char *const names[] = {
        [1] = "SIGHUP",   [2] = "SIGINT",   [3] = "SIGQUIT",  [4] = "SIGILL",   [5] = "SIGTRAP",
        [6] = "SIGABRT",  [7] = "SIGBUS",   [8] = "SIGFPE",   [9] = "SIGKILL",  [10] = "SIGUSR1",
        [11] = "SIGSEGV", [12] = "SIGUSR2", [13] = "SIGPIPE", [14] = "SIGALRM", [15] = "SIGTERM",
        [24] = "SIGXCPU", [25] = "SIGXFSZ", [31] = "SIGSYS"};
    if (signal < sizeof names / sizeof *names && names[signal])
        return slice_of(names[signal]);
    return (struct slice){text, (size_t)snprintf(text, 16, "signal %u", signal)};
}

/* Absent where it may have been answered, by another program. */
static struct slice end_of(uint32_t signal, char text[16])
{
    if (signal == LODGING_HANDED_ON)
        return SLICE_NONE;
    if (signal == LODGING_REPLACED)
        return SLICE_LITERAL("connection_aborted");
    if (signal == 0 || signal > SIGNAL_MOST) /* there are no such: the file was spoilt */
        return SLICE_LITERAL("process_ended");
    return signal_name(signal, text);
}

/* Why the request was not answered; absent likewise. */
static struct slice reason(const struct region_header *header, unsigned number, char text[16])
{
    if (number >= REGION_OPEN)
        return end_of(atomic_load_explicit(&header->lodgers[number - REGION_OPEN].signal,
                                           memory_order_relaxed),
                      text);
    uint32_t signal = atomic_load_explicit(&header->signal, memory_order_relaxed);
    if (atomic_load_explicit(&header->replaced_ns, memory_order_relaxed)) {
        uint64_t on = atomic_load_explicit(&header->handed_on, memory_order_relaxed);
        return on >> number & 1 ? SLICE_NONE : SLICE_LITERAL("connection_aborted");
    }
    return end_of(signal, text);
}

/* Ended when the process was last seen at work: later than that nobody knows. */
static void end_span(const struct region_header *header, struct span_record *record, uint32_t room,
                     struct slice error_type)
{
    struct span span;
    uint64_t alive_ns = atomic_load_explicit(&header->alive_ns, memory_order_relaxed);
    span_resume(&span, record, room);
    if (error_type.at) {
        span_string(&span, ATTRIBUTE_ERROR_TYPE, error_type);
        span_error(&span, SLICE_NONE);
    } else
        span_boolean(&span, ATTRIBUTE_OTELAGENT_INCOMPLETE, true);
    span_end(&span, alive_ns > record->start_ns ? alive_ns : record->start_ns);
}

void recovery_end_lodgers(struct region *region, struct span_record *record, uint32_t signal)
{
    char text[16];
    end_span(region->header, record, sizeof((struct region_open *)0)->record, end_of(signal, text));
    if (ring_write_seldom(region->ring, record, record->length))
        return;
    counters_add(&counters.spans_ended, 1);
    counters_add(&counters.dropped_queue_full, 1);
}

uint32_t recovery_next_open(struct recovery *recovery, struct span_record *record)
{
    char text[16];
    (void)recovery;
    while (heir.next_open < PLACES) {
        unsigned i = heir.next_open++;
        struct region_open *open = place(&heir.dead.region, i);
        if (!open)
            continue;
        uint32_t length = ((const struct span_record *)open->record)->length;
        uint64_t id = atomic_load_explicit(&open->in_flight, memory_order_acquire);
        if (!id || heir.ended[i] || length < sizeof *record || length > sizeof open->record ||
            length % 8 || (id != REGION_ENDING && !region_take_open(open, id)))
            continue;
        memcpy(record, open->record, length);
        record->length = length;
        const struct region_header *header = heir.dead.region.header;
        end_span(header, record, RING_RECORD_BYTES_MAX, reason(header, i, text));
        heir.ended[i] = true;
        heir.given_open = heir.next_open;
        return record->length;
    }
    return 0;
}

void recovery_note(struct recovery *recovery, uint32_t what)
{
    ring_note(recovery->ring, what);
    if (heir.given_open)
        atomic_store_explicit(&heir.dead.region.header->open_noted,
                              (uint64_t)what << 32 | heir.given_open, memory_order_release);
}

uint32_t recovery_noted(const struct recovery *recovery)
{
    (void)recovery;
    uint64_t noted =
        atomic_load_explicit(&heir.dead.region.header->open_noted, memory_order_acquire);
    return heir.next_open < (uint32_t)noted ? (uint32_t)(noted >> 32) : 0;
}

/* The note first: what comes behind those that are settled must not be taken for them. */
void recovery_settle(struct recovery *recovery)
{
    (void)recovery;
    _Atomic uint64_t *noted = &heir.dead.region.header->open_noted;
    if ((uint32_t)atomic_load_explicit(noted, memory_order_relaxed) <= heir.given_open)
        atomic_store_explicit(noted, 0, memory_order_release);
    for (unsigned i = 0; i < PLACES; i++) {
        struct region_open *open = heir.ended[i] ? place(&heir.dead.region, i) : NULL;
        if (open)
            atomic_store_explicit(&open->in_flight, 0, memory_order_release);
    }
}
