// SPDX-License-Identifier: Apache-2.0
/* receive.c - bytes that come: real, then observe. */
#include "hooks/originals/real.h"

#include <fcntl.h>
#include <unistd.h>

#include "agent/observe/observe.h"

/* What programs built with _FORTIFY_SOURCE call instead; no header declares them without it. */
EXPORT ssize_t __read_chk(int fd, void *bytes, size_t size, size_t room);
EXPORT ssize_t __recv_chk(int fd, void *bytes, size_t size, size_t room, int flags);
EXPORT ssize_t __recvfrom_chk(int fd, void *bytes, size_t size, size_t room, int flags,
                              struct sockaddr *address, socklen_t *length);
EXPORT ssize_t __read(int fd, void *bytes, size_t size) __attribute__((alias("read")));

EXPORT ssize_t read(int fd, void *bytes, size_t size)
{
    ssize_t received = real.read(fd, bytes, size);
    observe_received(fd, size ? bytes : NULL, received, 0);
    return received;
}

EXPORT ssize_t __read_chk(int fd, void *bytes, size_t size, size_t room)
{
    ssize_t received = real.__read_chk(fd, bytes, size, room);
    observe_received(fd, size ? bytes : NULL, received, 0);
    return received;
}

EXPORT ssize_t readv(int fd, const struct iovec *parts, int count)
{
    ssize_t received = real.readv(fd, parts, count);
    observe_received_vector(fd, parts, count, received);
    return received;
}

/* On a socket these two succeed only at offset -1, as readv(). */
EXPORT ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t at, int flags)
{
    ssize_t received = real.preadv2(fd, parts, count, at, flags);
    observe_received_vector(fd, parts, count, received);
    return received;
}

EXPORT ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t at, int flags)
{
    ssize_t received = real.preadv64v2(fd, parts, count, at, flags);
    observe_received_vector(fd, parts, count, received);
    return received;
}

EXPORT ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    ssize_t received = real.recv(fd, bytes, size, flags);
    observe_received(fd, size ? bytes : NULL, received, flags);
    return received;
}

EXPORT ssize_t __recv_chk(int fd, void *bytes, size_t size, size_t room, int flags)
{
    ssize_t received = real.__recv_chk(fd, bytes, size, room, flags);
    observe_received(fd, size ? bytes : NULL, received, flags);
    return received;
}

EXPORT ssize_t recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *address,
                        socklen_t *length)
{
    ssize_t received = real.recvfrom(fd, bytes, size, flags, address, length);
    observe_received(fd, size ? bytes : NULL, received, flags);
    return received;
}

EXPORT ssize_t __recvfrom_chk(int fd, void *bytes, size_t size, size_t room, int flags,
                              struct sockaddr *address, socklen_t *length)
{
    ssize_t received = real.__recvfrom_chk(fd, bytes, size, room, flags, address, length);
    observe_received(fd, size ? bytes : NULL, received, flags);
    return received;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    ssize_t received = real.recvmsg(fd, message, flags);
    observe_received_message(fd, message, received, flags);
    return received;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout)
{
    int received = real.recvmmsg(fd, messages, count, flags, timeout);
    observe_received_messages(fd, messages, received, flags);
    return received;
}
