// SPDX-License-Identifier: Apache-2.0
#include "agent/queue/orphan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/os.h"
#include "agent/base/process.h"
#include "agent/queue/lodging.h"

#define ZOMBIE_NS 10000000000

static bool is_this_process(uint32_t pid)
{
    return (long)pid == os.syscall(SYS_getpid);
}

/* This process's own number, but another program's: it made the file before it exec'd. */
static bool is_earlier_image(const struct region_name *name)
{
    uint32_t image = process_image();
    return image && name->image && name->image != image;
}

bool orphan_is_likely(const struct region_name *name)
{
    if (!name->here || name->replaced)
        return true;
    if (is_this_process(name->pid))
        return is_earlier_image(name);
    return process_state(name->pid, 0) != PROCESS_RUNS;
}

static bool is_abandoned(const struct region_name *name, const struct region_header *header)
{
    if (!name->here)
        return region_is_silent(header, REGION_STALE_NS); /* another container's, say: ids mean
                                                             nothing here */
    switch (process_state(header->pid, header->started_ticks)) {
    case PROCESS_GONE:
        return true;
    case PROCESS_ZOMBIE: /* its parent is about to tell how it ended, or never */
        return region_is_silent(header, ZOMBIE_NS);
    default:
        if (is_this_process(header->pid))
            return is_earlier_image(name);
        /* Not a word for long, from one that said that it would exec: it did. */
        return atomic_load_explicit(&header->replaced_ns, memory_order_relaxed) &&
               region_is_silent(header, REGION_EXECED_NS);
    }
}

static bool is_mine(int fd, struct stat *status)
{
    return fstat(fd, status) == 0 && S_ISREG(status->st_mode) && status->st_uid == geteuid() &&
           !(status->st_mode & 077) && status->st_nlink == 1 && status->st_size > 0;
}

/* A file begins as zeros, too: in another pid namespace its process may be about to fill it. */
static bool is_void(int fd, const struct region_name *name, int64_t written_ns)
{
    uint64_t magic;
    return (name->here || (int64_t)clock_unix_ns() - written_ns > REGION_STALE_NS) &&
           pread(fd, &magic, sizeof magic, 0) == sizeof magic && magic == REGION_VOID;
}

/* Read, because to map it is to adopt its ring, whose owner would begin again with what it is
 * sending. */
static bool is_in_use(const struct region_name *name, int fd)
{
    struct region_header header;
    return pread(fd, &header, sizeof header, 0) == sizeof header && header.magic == REGION_MAGIC &&
           region_is_read(header.version) &&
           (!is_abandoned(name, &header) || !lodging_close_file(fd, name->here, &header));
}

bool orphan_take(struct orphan *orphan, const struct region_name *name, const char *path)
{
    struct stat status;
    *orphan = (struct orphan){0};
    orphan->lock = own_fd_take(open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
    int fd = orphan->lock.fd;
    if (fd < 0)
        return false;
    memcpy(orphan->path, path, strlen(path) + 1);
    /* The lock first: who had it before may have removed the file. */
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (locked && is_mine(fd, &status) && !is_in_use(name, fd)) {
        region_map(&orphan->region, fd, (size_t)status.st_size);
        orphan->written_ns = (int64_t)status.st_mtim.tv_sec * 1000000000;
        orphan->is_void = !orphan->region.header && is_void(fd, name, orphan->written_ns);
        return true;
    }
    orphan->held = !locked && errno == EWOULDBLOCK;
    orphan_release(orphan, false);
    return false;
}

void orphan_release(struct orphan *orphan, bool done)
{
    if (done && !region_file_remove(orphan->path) && orphan->region.header)
        orphan->region.header->magic = REGION_VOID;
    region_forget(&orphan->region);
    /* A child that was forked meanwhile has the descriptor, too, and would keep the lock. */
    if (own_fd_is_valid(&orphan->lock))
        flock(orphan->lock.fd, LOCK_UN);
    own_fd_close(&orphan->lock);
}
