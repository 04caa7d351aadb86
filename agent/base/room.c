// SPDX-License-Identifier: Apache-2.0
#include "agent/base/room.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"

#define PAGE       4096
#define PIPE_BYTES (16L * PAGE)  /* where nobody chose another size */
#define PIPE_MOST  (512L * PAGE) /* who has no privileges may have half of it */

/* What was written takes whole pages, but a write goes on in the last page only where it fits
 * there: any two neighbours hold a page's worth together. One is being read, one begins anew. */
static long pages_of(long bytes)
{
    return 2 * (bytes / PAGE) + 3;
}

/* The object that was enlarged here, or before a fork, and what it had; mere words, because at
 * worst it is enlarged once more. */
static _Atomic uint64_t enlarged;
static _Atomic long enlarged_from;

static uint64_t inode_of(int fd)
{
    struct stat status;
    return os.syscall(SYS_fstat, fd, &status) == 0 ? status.st_ino : 0;
}

/* What an object of this size had without us. */
static long own_size(int fd, long size, long usual)
{
    long from = atomic_load_explicit(&enlarged_from, memory_order_relaxed);
    if (size == 2 * usual)
        return usual;
    bool ours = from > 0 && size == 2 * from &&
                inode_of(fd) == atomic_load_explicit(&enlarged, memory_order_relaxed);
    return ours ? from : size;
}

static void note_enlarged(int fd, long from)
{
    atomic_store_explicit(&enlarged, inode_of(fd), memory_order_relaxed);
    atomic_store_explicit(&enlarged_from, from, memory_order_relaxed);
}

static bool enlarge_pipe(int fd, long own)
{
    if (2 * own > PIPE_MOST || os.syscall(SYS_fcntl, fd, F_SETPIPE_SZ, 2 * own) != 2 * own)
        return false;
    note_enlarged(fd, own);
    return true;
}

/* In an empty pipe one piece takes one page. */
bool room_in_pipe(int fd, size_t length)
{
    int unread = 0;
    long size = os.syscall(SYS_fcntl, fd, F_GETPIPE_SZ, 0);
    long own = own_size(fd, size, PIPE_BYTES);
    if (size <= 0 || os.syscall(SYS_ioctl, fd, FIONREAD, &unread) != 0)
        return false;
    long pages = unread ? pages_of(unread + (long)length) : 1;
    if (pages * PAGE > own)
        return false;
    return size == 2 * own || enlarge_pipe(fd, own) || !unread;
}

static long send_buffer(int fd)
{
    int bytes = -1;
    socklen_t length = sizeof bytes;
    return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &length) == 0 ? bytes : -1;
}

/* The kernel doubles what it is told, and takes the most it allows where that is less: so too large
 * a wish could make a buffer smaller. */
static void set_send_buffer(int fd, long bytes)
{
    int half = (int)(bytes / 2);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof half);
}

/* How large a new socket's buffer is, and how large it can be made. */
static bool learn_sizes(long *usual, long *most)
{
    int fd = (int)os.syscall(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    *usual = send_buffer(fd);
    set_send_buffer(fd, 1L << 30);
    *most = send_buffer(fd);
    os.syscall(SYS_close, fd);
    return *usual > 0;
}

/* The kernel counts memory: some hundred bytes for each piece, and up to twice its length. */
bool room_in_socket(int fd, size_t length)
{
    int unread = 0;
    long usual, most, size = send_buffer(fd);
    if (size <= 0 || !learn_sizes(&usual, &most))
        return false;
    long own = own_size(fd, size, usual);
    if (os.syscall(SYS_ioctl, fd, TIOCOUTQ, &unread) != 0 || unread + 2 * (long)length + PAGE > own)
        return false;
    if (size == 2 * own)
        return true;
    if (2 * own > most)
        return !unread;
    set_send_buffer(fd, 2 * own);
    note_enlarged(fd, own);
    return send_buffer(fd) == 2 * own || !unread;
}
