// SPDX-License-Identifier: Apache-2.0
#include "agent/room.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE       4096
#define PIPE_BYTES (16L * PAGE)  /* where nobody chose another size */
#define PIPE_MOST  (256L * PAGE) /* /proc/sys/fs/pipe-max-size, as the kernel sets it */

/* What was written takes whole pages, but a write goes on in the last page only where it fits
 * there: any two neighbours hold a page's worth together. One is being read, one begins anew. */
static long pages_of(long bytes)
{
    return 2 * (bytes / PAGE) + 3;
}

/* What an object of this size had without us. */
static long own_size(long size, long usual)
{
    return size == 2 * usual ? usual : size;
}

/* System calls by number, because libc's fcntl() is our own hook. */
bool room_in_pipe(int fd, size_t length)
{
    int unread = 0;
    long size = syscall(SYS_fcntl, fd, F_GETPIPE_SZ, 0);
    long own = own_size(size, PIPE_BYTES);
    if (size <= 0 || 2 * own > PIPE_MOST || syscall(SYS_ioctl, fd, FIONREAD, &unread) != 0 ||
        pages_of(unread + (long)length) * PAGE > own)
        return false;
    return size == 2 * own || syscall(SYS_fcntl, fd, F_SETPIPE_SZ, 2 * own) == 2 * own;
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
    int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    *usual = send_buffer(fd);
    set_send_buffer(fd, 1L << 30);
    *most = send_buffer(fd);
    syscall(SYS_close, fd);
    return *usual > 0;
}

/* The kernel counts memory: some hundred bytes for each piece, and up to twice its length. */
bool room_in_socket(int fd, size_t length)
{
    int unread = 0;
    long usual, most, size = send_buffer(fd);
    if (size <= 0 || !learn_sizes(&usual, &most))
        return false;
    long own = own_size(size, usual);
    if (2 * own > most || syscall(SYS_ioctl, fd, TIOCOUTQ, &unread) != 0 ||
        unread + 2 * (long)length + PAGE > own)
        return false;
    if (size != 2 * own)
        set_send_buffer(fd, 2 * own);
    return send_buffer(fd) == 2 * own;
}
