// SPDX-License-Identifier: Apache-2.0
/* send.c - bytes that go: begin, real, end. */
#include "hooks/originals/real.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "agent/observe/observe.h"

/* The last byte out of band is none of the stream's. */
static enum sending_what in_band(enum sending_what what, int flags)
{
    return flags & MSG_OOB ? SENDING_UNKNOWN : what;
}

EXPORT ssize_t __write(int fd, const void *bytes, size_t size) __attribute__((alias("write")));
EXPORT ssize_t __send(int fd, const void *bytes, size_t size, int flags)
    __attribute__((alias("send")));

EXPORT ssize_t write(int fd, const void *bytes, size_t size)
{
    struct sending sending = observe_sending(fd);
    sending_note(&sending, SENDING_BYTES, bytes, size);
    ssize_t sent = real.write(fd, bytes, size);
    observe_sent(&sending, bytes, sent, 0);
    return sent;
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    struct sending sending = observe_sending(fd);
    sending_note(&sending, SENDING_PARTS, parts, (size_t)count);
    ssize_t sent = real.writev(fd, parts, count);
    observe_sent_vector(&sending, parts, (size_t)count, sent);
    return sent;
}

/* On a socket these two succeed only at offset -1, as writev(). */
EXPORT ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags)
{
    struct sending sending = observe_sending(fd);
    sending_note(&sending, SENDING_PARTS, parts, (size_t)count);
    ssize_t sent = real.pwritev2(fd, parts, count, at, flags);
    observe_sent_vector(&sending, parts, (size_t)count, sent);
    return sent;
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t at, int flags)
{
    struct sending sending = observe_sending(fd);
    sending_note(&sending, SENDING_PARTS, parts, (size_t)count);
    ssize_t sent = real.pwritev64v2(fd, parts, count, at, flags);
    observe_sent_vector(&sending, parts, (size_t)count, sent);
    return sent;
}

EXPORT ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    struct sending sending = observe_sending(fd);
    sending_note(&sending, in_band(SENDING_BYTES, flags), bytes, size);
    ssize_t sent = real.send(fd, bytes, size, flags);
    observe_sent(&sending, bytes, sent, flags);
    return sent;
}

EXPORT ssize_t sendto(int fd, const void *bytes, size_t size, int flags,
                      const struct sockaddr *address, socklen_t length)
{
    struct sending sending = observe_sending(fd);
    sending_note(&sending, in_band(SENDING_BYTES, flags), bytes, size);
    ssize_t sent = real.sendto(fd, bytes, size, flags, address, length);
    observe_sent(&sending, bytes, sent, flags);
    observe_sent_to(fd, address, length, sent, flags);
    return sent;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct sending sending = observe_sending(fd);
    sending_note(&sending, in_band(SENDING_MESSAGE, flags), message, 0);
    ssize_t sent = real.sendmsg(fd, message, flags);
    observe_sent_message(&sending, fd, message, sent, flags);
    return sent;
}

EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    struct sending sending = observe_sending(fd);
    sending_note(&sending, SENDING_UNKNOWN, NULL, 0);
    int sent = real.sendmmsg(fd, messages, count, flags);
    observe_sent_messages(&sending, messages, sent, flags);
    return sent;
}

EXPORT ssize_t sendfile(int to, int from, off_t *at, size_t size)
{
    struct sending sending = observe_sending(to);
    sending_note(&sending, SENDING_UNSEEN, NULL, size);
    ssize_t sent = real.sendfile(to, from, at, size);
    observe_sent_file(&sending, from, at, sent);
    return sent;
}

EXPORT ssize_t sendfile64(int to, int from, off64_t *at, size_t size)
{
    struct sending sending = observe_sending(to);
    sending_note(&sending, SENDING_UNSEEN, NULL, size);
    ssize_t sent = real.sendfile64(to, from, at, size);
    observe_sent_file(&sending, from, at, sent);
    return sent;
}

/* One end is a pipe, the other may be a connection. */
EXPORT ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
                      unsigned flags)
{
    struct sending sending = observe_sending(to);
    sending_note(&sending, SENDING_UNSEEN, NULL, size);
    ssize_t moved = real.splice(from, from_at, to, to_at, size, flags);
    observe_received_unseen(from, moved);
    observe_sent_unseen(&sending, moved);
    return moved;
}
