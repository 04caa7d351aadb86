// SPDX-License-Identifier: Apache-2.0
#include "agent/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/own_fd.h"
#include "agent/process.h"
#include "agent/region.h"
#include "agent/server_span.h"

#define DIRECTORY_BYTES 4096
#define STALE_NS        60000000000 /* without a sign of life of a process in another namespace */
#define ZOMBIE_NS       10000000000
#define SIGNAL_MOST     64

/* As getdents64(2) writes it. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static struct {
    char directory[REGION_PATH_BYTES];
    uint64_t key;

    /* The one that is being emptied. */
    struct region region;
    struct own_fd lock;
    unsigned next_open;
    bool ended[REGION_OPEN];
} heir;

void recovery_init(const char *directory, uint64_t key)
{
    heir.directory[0] = '\0';
    heir.key = key;
    if (directory && strlen(directory) < sizeof heir.directory)
        memcpy(heir.directory, directory, strlen(directory) + 1);
}

/* ---- whose is it? ---- */

static bool is_mine(int fd, size_t *bytes)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & 077) || status.st_nlink != 1 || status.st_size <= 0)
        return false;
    *bytes = (size_t)status.st_size;
    return true;
}

/* Without a sign, because a file may say anything, and a sum with one must not overflow. */
static bool is_silent(const struct region_header *header, int64_t for_ns)
{
    uint64_t last = atomic_load_explicit(&header->alive_ns, memory_order_relaxed) +
                    (uint64_t)atomic_load_explicit(&header->unix_offset_ns, memory_order_relaxed);
    return (int64_t)(clock_unix_ns() - last) > for_ns;
}

static bool is_abandoned(const struct region_name *name, const struct region_header *header)
{
    if (!name->pid_namespace || name->pid_namespace != process_namespace())
        return is_silent(header, STALE_NS); /* another container's, say: ids mean nothing here */
    switch (process_state(header->pid, header->started_ticks)) {
    case PROCESS_GONE:
        return true;
    case PROCESS_ZOMBIE:
        return is_silent(header,
                         ZOMBIE_NS); /* its parent is about to tell how it ended, or never */
    default:
        return false;
    }
}

/* A file of that name is worth opening. */
static bool is_promising(const struct region_name *name)
{
    return name->key == heir.key && (name->pid_namespace != process_namespace() ||
                                     process_state(name->pid, 0) != PROCESS_RUNS);
}

/* ---- taking it ---- */

static bool take(const struct region_name *name, const char *path, void *unused)
{
    size_t bytes;
    (void)unused;
    if (!is_promising(name))
        return false;
    heir.lock = own_fd_take(open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
    int fd = heir.lock.fd;
    if (fd < 0)
        return false;
    /* The lock first: who had it before may have removed the file. */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_mine(fd, &bytes) &&
        region_map(&heir.region, fd, bytes)) {
        if (is_abandoned(name, heir.region.header)) {
            memcpy(heir.region.path, path, strlen(path) + 1);
            return true;
        }
        region_forget(&heir.region);
    }
    own_fd_close(&heir.lock);
    return false;
}

/* Visits regions' files until a visit says true; false if none does. */
static bool visit(bool (*one)(const struct region_name *name, const char *path, void *context),
                  void *context)
{
    _Alignas(8) char entries[DIRECTORY_BYTES];
    if (!heir.directory[0])
        return false;
    int directory = open(heir.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return false;
    bool found = false;
    long bytes;
    while (!found && (bytes = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0) {
        for (long at = 0; at < bytes && !found;) {
            const struct entry *entry = (const struct entry *)(entries + at);
            char path[REGION_PATH_BYTES];
            struct region_name name;
            at += entry->length;
            if (!region_name_parse(&name, entry->name))
                continue;
            int length = snprintf(path, sizeof path, "%s/%s", heir.directory, entry->name);
            found = length > 0 && (size_t)length < sizeof path && one(&name, path, context);
        }
    }
    close(directory);
    return found;
}

bool recovery_begin(struct recovery *recovery)
{
    if (!visit(take, NULL))
        return false;
    const struct region_header *header = heir.region.header;
    *recovery = (struct recovery){
        .ring = heir.region.ring,
        .resource = {(const char *)header + REGION_RESOURCE, header->resource_bytes},
        .unix_offset_ns = atomic_load_explicit(&header->unix_offset_ns, memory_order_relaxed),
        .given_up_ns = atomic_load_explicit(&header->given_up_ns, memory_order_relaxed),
    };
    heir.next_open = 0;
    memset(heir.ended, 0, sizeof heir.ended);
    return true;
}

void recovery_end(struct recovery *recovery, bool all)
{
    for (unsigned i = 0; all && i < REGION_OPEN; i++) /* should the file refuse to go */
        atomic_store_explicit(&heir.region.open[i].in_flight, 0, memory_order_relaxed);
    if (all)
        region_unlink(&heir.region);
    region_forget(&heir.region);
    own_fd_close(&heir.lock);
    *recovery = (struct recovery){0};
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
    if (name->pid != death->pid || name->pid_namespace != process_namespace())
        return false;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1 &&
        pread(fd, &magic, sizeof magic, 0) == sizeof magic && magic == REGION_MAGIC)
        (void)!pwrite(fd, &death->signal, sizeof death->signal,
                      offsetof(struct region_header, signal));
    close(fd);
    return true;
}

void recovery_note_signal(uint32_t pid, uint32_t signal)
{
    visit(note_signal, &(struct death){pid, signal});
}

/* ---- spans in flight ---- */

static const struct span_record *open_record(unsigned number)
{
    return (const struct span_record *)heir.region.open[number].record;
}

void recovery_saw(struct recovery *recovery, const struct span_record *record)
{
    (void)recovery;
    for (unsigned i = 0; i < REGION_OPEN; i++)
        if (memcmp(open_record(i)->span_id, record->span_id, sizeof record->span_id) == 0)
            heir.ended[i] = true;
}

/* The names that people know; a number for those that end a process rarely. */
static struct slice reason(uint32_t signal, char text[16])
{
    static const char *const names[] = {
        [1] = "SIGHUP",   [2] = "SIGINT",   [3] = "SIGQUIT",  [4] = "SIGILL",   [5] = "SIGTRAP",
        [6] = "SIGABRT",  [7] = "SIGBUS",   [8] = "SIGFPE",   [9] = "SIGKILL",  [10] = "SIGUSR1",
        [11] = "SIGSEGV", [12] = "SIGUSR2", [13] = "SIGPIPE", [14] = "SIGALRM", [15] = "SIGTERM",
        [24] = "SIGXCPU", [25] = "SIGXFSZ", [31] = "SIGSYS"};
    if (signal == 0 || signal > SIGNAL_MOST) /* there are no such: the file was spoilt */
        return SLICE_LITERAL("process_ended");
    if (signal < sizeof names / sizeof *names && names[signal])
        return slice_of(names[signal]);
    return (struct slice){text, (size_t)snprintf(text, 16, "signal %u", signal)};
}

/* Ended when the process was last seen at work: later than that nobody knows. */
static void end_span(struct span_record *record)
{
    const struct region_header *header = heir.region.header;
    struct span span = {record, RING_RECORD_BYTES_MAX};
    char text[16];
    uint64_t alive_ns = atomic_load_explicit(&header->alive_ns, memory_order_relaxed);
    server_span_name(&span, 0);
    span_string(&span, ATTRIBUTE_ERROR_TYPE,
                reason(atomic_load_explicit(&header->signal, memory_order_relaxed), text));
    span_error(&span, SLICE_NONE);
    span_end(&span, alive_ns > record->start_ns ? alive_ns : record->start_ns);
}

uint32_t recovery_next_open(struct recovery *recovery, struct span_record *record)
{
    (void)recovery;
    while (heir.next_open < REGION_OPEN) {
        unsigned i = heir.next_open++;
        struct region_open *open = &heir.region.open[i];
        uint32_t length = open_record(i)->length;
        uint64_t id = atomic_load_explicit(&open->in_flight, memory_order_acquire);
        if (!id || heir.ended[i] || length < sizeof *record || length > sizeof open->record ||
            length % 8 || (id != REGION_ENDING && !region_take_open(open, id)))
            continue;
        memcpy(record, open->record, length);
        record->length = length;
        end_span(record);
        return record->length;
    }
    return 0;
}
