// SPDX-License-Identifier: Apache-2.0
#include "agent/base/said.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/os.h"
#include "agent/base/own_directory.h"
#include "agent/base/process.h"

#define MAGIC           UINT64_C(0x316469617374746f) /* "ottsaid1" */
#define READ_BYTES      2048
#define PRELOAD         "LD_PRELOAD="
#define PRELOAD_BYTES   256
#define VARIABLES_BYTES (256u << 10) /* of an environment, are looked at */
#define ANCESTORS_MOST  32

struct record {
    uint64_t magic;
    uint64_t key;
    uint64_t writer; /* unique(); 0: it is over */
    uint64_t unix_ns;
};

static _Atomic uint64_t tree; /* 0: not known yet. Whoever finds it out finds the same */

/* FNV-1a. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_number(uint64_t hash, uint64_t number)
{
    return mix(hash, &number, sizeof number);
}

#define MIX_BEGIN UINT64_C(0xcbf29ce484222325)

/* By number, like the other calls here: those of libc are where a thread can be cancelled. */
static int open_file(const char *path, int flags)
{
    return (int)os.syscall(SYS_openat, AT_FDCWD, path,
                           flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
}

static void close_file(int fd)
{
    os.syscall(SYS_close, fd);
}

/* ---- the tree ---- */

struct search {
    char value[PRELOAD_BYTES]; /* cut */
    size_t at;                 /* in the variable */
    bool fits;                 /* it has the name so far */
    bool found;
};

static void search_byte(struct search *search, char byte)
{
    const size_t name = sizeof PRELOAD - 1;
    if (byte == '\0') {
        search->found = search->fits && search->at > name;
        search->fits = true;
        search->at = 0;
        return;
    }
    if (search->at < name)
        search->fits &= byte == PRELOAD[search->at];
    else if (search->fits && search->at - name < sizeof search->value - 1) {
        search->value[search->at - name] = byte;
        search->value[search->at - name + 1] = '\0';
    }
    search->at++;
}

/* What the process was started with. */
static bool find_preload(uint32_t pid, char value[PRELOAD_BYTES])
{
    char path[32], bytes[READ_BYTES];
    struct search search = {.fits = true};
    snprintf(path, sizeof path, "/proc/%u/environ", pid);
    int fd = open_file(path, O_RDONLY);
    if (fd < 0)
        return false;
    long length = 1;
    for (size_t read = 0; read < VARIABLES_BYTES && length > 0 && !search.found;
         read += (size_t)length) {
        length = os.syscall(SYS_read, fd, bytes, sizeof bytes);
        for (long i = 0; i < length && !search.found; i++)
            search_byte(&search, bytes[i]);
    }
    close_file(fd);
    memcpy(value, search.value, PRELOAD_BYTES);
    return search.found;
}

/* A server that became this user after its exec is not to be looked at, not even by it. Processes
 * that started as this user are. */
static bool is_hidden(uint32_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%u/environ", pid);
    int fd = open_file(path, O_RDONLY);
    if (fd < 0)
        return errno == EACCES && process_user(pid) == (long)geteuid();
    close_file(fd);
    return false;
}

/* Not of random.h, whose first number asks the kernel: this may be the exporter's thread, whose
 * system calls are published. Two that write at the same nanosecond have other numbers. */
static uint64_t unique(void)
{
    uint64_t now_ns = clock_unix_ns();
    uint64_t hash = mix_number(mix_number(MIX_BEGIN, now_ns), (uint64_t)getpid());
    return mix_number(hash, (uint64_t)(uintptr_t)&now_ns);
}

static uint32_t find_root(void)
{
    char own[PRELOAD_BYTES], other[PRELOAD_BYTES];
    uint32_t root = (uint32_t)getpid();
    if (!find_preload(root, own))
        return root;
    for (int i = 0; i < ANCESTORS_MOST; i++) {
        uint32_t parent = process_parent(root);
        if (!parent || (find_preload(parent, other) ? strcmp(other, own) != 0 : !is_hidden(parent)))
            break;
        root = parent;
    }
    return root;
}

static uint64_t find_tree(void)
{
    char boot[64];
    uint32_t root = find_root();
    uint64_t started = process_started_ticks(root);
    if (!started)
        return unique() | 1; /* no /proc: those that are forked share it */
    uint64_t hash = mix_number(mix_number(MIX_BEGIN, root), started);
    int fd = open_file("/proc/sys/kernel/random/boot_id", O_RDONLY);
    if (fd >= 0) {
        long length = os.syscall(SYS_read, fd, boot, sizeof boot);
        hash = mix(hash, boot, length > 0 ? (size_t)length : 0);
        close_file(fd);
    }
    return mix_number(hash, process_namespace()) | 1;
}

void said_know_tree(void)
{
    int saved = errno;
    if (!atomic_load_explicit(&tree, memory_order_relaxed))
        atomic_store_explicit(&tree, find_tree(), memory_order_relaxed);
    errno = saved;
}

/* ---- the file ---- */

/* A time that is still to come is from before the clock was set: as good as over. A record that
 * could not be written whole ends the file, too. */
static bool is_over(off_t bytes, const struct record *first)
{
    return bytes >= SAID_BYTES_MOST || bytes % (off_t)sizeof *first ||
           clock_unix_ns() - first->unix_ns > SAID_LASTS_NS;
}

/* -1: there is none that can be used. */
static int open_said(int flags)
{
    struct stat status = {0};
    struct record first;
    int fd = note_open(SAID_NAME, O_RDWR | O_APPEND | flags, 2ul * SAID_BYTES_MOST);
    if (fd < 0 || (fstat(fd, &status) == 0 && status.st_size == 0))
        return fd;
    bool ours = os.syscall(SYS_pread64, fd, &first, sizeof first, 0L) == sizeof first &&
                first.magic == MAGIC;
    if (ours && !is_over(status.st_size, &first))
        return fd;
    if (ours && (flags & O_CREAT) && ftruncate(fd, 0) == 0)
        return fd;
    close_file(fd);
    return -1;
}

/* Who has said it; 0: nobody, or it is over. */
static uint64_t find_writer(int fd, uint64_t key)
{
    struct record records[READ_BYTES / sizeof(struct record)];
    uint64_t writer = 0;
    long bytes;
    for (long at = 0; at < 2L * SAID_BYTES_MOST; at += bytes) {
        bytes = os.syscall(SYS_pread64, fd, records, sizeof records, at);
        if (bytes <= 0)
            break;
        for (size_t i = 0; i < (size_t)bytes / sizeof *records; i++)
            if (records[i].key == key && (!writer || !records[i].writer))
                writer = records[i].writer;
    }
    return writer;
}

static bool append(int fd, uint64_t key, uint64_t writer)
{
    struct record record = {MAGIC, key, writer, clock_unix_ns()};
    return os.syscall(SYS_write, fd, &record, sizeof record) == sizeof record;
}

static uint64_t key_of(uint64_t reader, const char *topic)
{
    said_know_tree();
    uint64_t hash = mix_number(MIX_BEGIN, atomic_load_explicit(&tree, memory_order_relaxed));
    return mix(mix_number(hash, reader), topic, strlen(topic));
}

bool said_claim(uint64_t reader, const char *topic)
{
    int saved = errno;
    int fd = open_said(O_CREAT);
    bool mine = true;
    if (fd >= 0) {
        uint64_t key = key_of(reader, topic);
        uint64_t own = unique() | 1;
        if (find_writer(fd, key))
            mine = false;
        else if (append(fd, key, own)) {
            uint64_t writer = find_writer(fd, key);
            mine = writer == own || !writer;
        }
        close_file(fd);
    }
    errno = saved;
    return mine;
}

bool said_over(uint64_t reader, const char *topic)
{
    int saved = errno;
    int fd = open_said(0);
    bool mine = true;
    if (fd >= 0) {
        uint64_t key = key_of(reader, topic);
        mine = find_writer(fd, key) && append(fd, key, 0);
        close_file(fd);
    }
    errno = saved;
    return mine;
}
