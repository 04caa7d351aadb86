// SPDX-License-Identifier: Apache-2.0
#include "agent/observe/observe.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

#include "agent/base/clock.h"
#include "agent/base/preparation.h"
#include "agent/life/agent.h"
#include "agent/net/connection.h"
#include "agent/net/detect.h"
#include "agent/net/ending.h"
#include "agent/net/inheritance.h"
#include "agent/work/context.h"
#include "agent/work/work.h"

/* Flags with which the bytes of a receive are not the stream's next ones. */
#define NOT_IN_ORDER (MSG_PEEK | OF_ANOTHER)
/* And those with which its end is not the stream's, either. */
#define OF_ANOTHER (MSG_OOB | MSG_ERRQUEUE)

static struct connection *receiving(int fd)
{
    struct connection *connection = connection_of(fd);
    if (!connection || !agent_enter())
        return NULL;
    if (connection_claim(connection, SIDE_IN, fd)) {
        if (connection_role(connection) == CONNECTION_SERVER)
            connection_reads(connection, fd);
        return connection;
    }
    /* What was read is not known, so neither is whom the thread works for from now on. */
    if (connection_role(connection) == CONNECTION_SERVER)
        work_read_unknown();
    return NULL;
}

/* A client has read how the stream of its server ended. */
__attribute__((cold, noinline)) static void end_received(int fd, int error)
{
    int saved = errno;
    struct connection *connection = receiving(fd);
    if (connection) {
        connection_server_ended(connection, error, clock_monotonic_ns());
        connection_unclaim(connection, SIDE_IN);
    }
    errno = saved;
}

/* `asked`: there was room for a byte. */
__attribute__((noinline)) static void nothing_received(int fd, ssize_t received, bool asked)
{
    int error = received < 0 ? errno : 0;
    context_goes_on();
    const struct connection *connection = connection_of(fd);
    if (!connection)
        return;
    if (error == EAGAIN) {
        ending_read_nothing();
        work_nothing_read(&connection->flow.channel, connection->flow.is_partial);
    } else if (asked && connection_role(connection) == CONNECTION_CLIENT && ending_type(error).at) {
        end_received(fd, error);
    }
}

/* Not inlined where it is for bytes that nobody sees: others would lie below its frame. */
__attribute__((noinline)) void observe_received(int fd, const void *bytes, ssize_t received,
                                                int flags)
{
    if (received <= 0 || flags & NOT_IN_ORDER) {
        nothing_received(fd, received, received <= 0 && bytes && !(flags & OF_ANOTHER));
        return;
    }
    int saved = errno;
    struct connection *connection = receiving(fd);
    if (connection) {
        /* With MSG_TRUNC a stream's bytes are thrown away and the buffer is not filled. */
        stream_received(connection, flags & MSG_TRUNC ? NULL : bytes, (size_t)received,
                        clock_monotonic_ns());
        connection_unclaim(connection, SIDE_IN);
    }
    errno = saved;
}

void observe_received_unseen(int fd, ssize_t received)
{
    if (connection_of(fd)) /* mostly a file or a pipe */
        observe_received(fd, NULL, received, MSG_TRUNC);
}

typedef void stream_feed(struct connection *, const char *, size_t, uint64_t);

static void feed_vector(stream_feed *feed, struct connection *connection, const struct iovec *parts,
                        size_t count, size_t total, uint64_t now_ns)
{
    for (size_t i = 0; i < count && total; i++) {
        size_t length = parts[i].iov_len < total ? parts[i].iov_len : total;
        if (length)
            feed(connection, parts[i].iov_base, length, now_ns);
        total -= length;
    }
}

static bool has_room(const struct iovec *parts, int count)
{
    for (int i = 0; i < count; i++)
        if (parts[i].iov_len)
            return true;
    return false;
}

void observe_received_vector(int fd, const struct iovec *parts, int count, ssize_t received)
{
    if (received <= 0 || count <= 0) {
        nothing_received(fd, received, received < 0 || has_room(parts, count));
        return;
    }
    int saved = errno;
    struct connection *connection = receiving(fd);
    if (connection) {
        feed_vector(stream_received, connection, parts, (size_t)count, (size_t)received,
                    clock_monotonic_ns());
        connection_unclaim(connection, SIDE_IN);
    }
    errno = saved;
}

/* The descriptors that pass with a message (SCM_RIGHTS). The messages are walked by hand:
 * CMSG_NXTHDR() may be a function that musl lacks. Not inlined, here and below: few messages need
 * it, and what the bytes of all of them say would lie below its frame. */
__attribute__((noinline)) static void for_each_descriptor(const struct msghdr *message,
                                                          void (*act)(int fd))
{
    const char *at = message->msg_control;
    size_t left = message->msg_controllen;
    struct cmsghdr control;
    while (left >= sizeof control) {
        memcpy(&control, at, sizeof control);
        if (control.cmsg_len < sizeof control || control.cmsg_len > left)
            return;
        size_t rights = 0;
        if (control.cmsg_level == SOL_SOCKET && control.cmsg_type == SCM_RIGHTS)
            rights = (control.cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < rights; i++) {
            int fd;
            memcpy(&fd, at + CMSG_LEN(0) + i * sizeof fd, sizeof fd);
            act(fd);
        }
        size_t step = CMSG_ALIGN(control.cmsg_len);
        if (step >= left)
            return;
        at += step;
        left -= step;
    }
}

__attribute__((noinline)) static void take_descriptors(const struct msghdr *message)
{
    int saved = errno;
    if (agent_enter_own_process())
        for_each_descriptor(message, inheritance_take);
    errno = saved;
}

void observe_received_message(int fd, const struct msghdr *message, ssize_t received, int flags)
{
    if (received < 0) {
        nothing_received(fd, received, !(flags & OF_ANOTHER));
        return;
    }
    /* Peeked at, they are made all the same. */
    if (message->msg_controllen)
        take_descriptors(message);
    if (flags & MSG_TRUNC)
        observe_received(fd, NULL, received, flags);
    else if (!(flags & NOT_IN_ORDER))
        observe_received_vector(fd, message->msg_iov, (int)message->msg_iovlen, received);
}

void observe_received_messages(int fd, const struct mmsghdr *messages, int received, int flags)
{
    for (int i = 0; i < received; i++)
        observe_received_message(fd, &messages[i].msg_hdr, (ssize_t)messages[i].msg_len, flags);
}

struct sending observe_sending(int fd)
{
    struct sending sending = {.connection = NULL, .fd = fd};
    struct connection *connection = connection_of(fd);
    if (!connection)
        return sending;
    int saved = errno;
    if (agent_enter() && connection_claim(connection, SIDE_OUT, fd)) {
        if (connection_role(connection) == CONNECTION_CLIENT)
            connection_client_writes(connection);
        sending.connection = connection;
        sending.time_ns = clock_monotonic_ns();
        sending.claim = connection_leave(connection, SIDE_OUT);
    }
    errno = saved;
    return sending;
}

/* The connection, where the direction is still this thread's after the call. */
static struct connection *sent_on(const struct sending *sending)
{
    struct connection *connection = sending->connection;
    bool is_ours = connection && connection_come_back(connection, SIDE_OUT, sending->claim);
    return is_ours ? connection : NULL;
}

/* Shorter sends do not wait for the peer. */
#define SENT_AT_ONCE_BYTES 262144
#define SENT_AT_ONCE_NS    1000000
/* More than a peer that has read everything leaves unacknowledged for a while. */
#define UNREAD_BYTES 65536

static bool peer_lacks_some(const struct connection *connection)
{
    int waiting = 0;
    int fd = atomic_load_explicit(&connection->flow.channel.fd, memory_order_relaxed);
    return connection_of(fd) == connection && ioctl(fd, SIOCOUTQ, &waiting) == 0 &&
           waiting > UNREAD_BYTES;
}

/* When it was sent: at the beginning of the call, because the peer may have it before the call
 * returns. But a long one on a blocking socket waits until the peer has read most of it: then it
 * was when the call returned, if the peer can't have had all of it for some time. */
static uint64_t sent_ns(const struct sending *sending, ssize_t sent)
{
    if (sent <= SENT_AT_ONCE_BYTES)
        return sending->time_ns;
    uint64_t now_ns = clock_monotonic_ns();
    bool waited =
        now_ns - sending->time_ns > SENT_AT_ONCE_NS && peer_lacks_some(sending->connection);
    return waited ? now_ns : sending->time_ns;
}

/* The client has gone. That was this process's attempt to answer, and may be its last. */
__attribute__((cold, noinline)) static void send_refused(struct connection *connection)
{
    atomic_store_explicit(&connection->refused, true, memory_order_relaxed);
    stream_touch(connection, clock_monotonic_ns());
}

/* Other errors of sendfile() say that the file can't be sent like this. */
static bool has_gone(ssize_t sent)
{
    return sent < 0 && (errno == EPIPE || errno == ECONNRESET || errno == ETIMEDOUT);
}

/* A client's first request makes what spans need, which takes a while: before the side is taken
 * back, because the answer may be read on another thread meanwhile, and is kept as long as this one
 * counts as away. */
__attribute__((cold, noinline)) static void prepare_to_ask(const struct sending *sending,
                                                           const struct iovec *first, size_t sent)
{
    const struct connection *connection = sending->connection;
    struct slice bytes = {first->iov_base, first->iov_len < sent ? first->iov_len : sent};
    int saved = errno;
    if (connection && connection_role(connection) == CONNECTION_CLIENT && bytes.length &&
        detect_may_know(&connection->flow, SIDE_OUT, bytes))
        preparation_do();
    errno = saved;
}

void observe_sent_vector(struct sending *sending, const struct iovec *parts, size_t count,
                         ssize_t sent)
{
    if (sent > 0 && !preparation_is_done())
        prepare_to_ask(sending, parts, (size_t)sent);
    struct connection *connection = sent_on(sending);
    if (!connection)
        return;
    int saved = errno;
    if (sent > 0) {
        uint64_t now_ns = sent_ns(sending, sent);
        feed_vector(stream_sent, connection, parts, count, (size_t)sent, now_ns);
        stream_call_sent(connection, now_ns);
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        send_refused(connection);
    }
    connection_unclaim(connection, SIDE_OUT);
    errno = saved;
}

/* The last byte of what is sent out of band is kept out of what the other end reads. */
static ssize_t in_stream(ssize_t sent, int flags)
{
    return flags & MSG_OOB && sent > 0 ? sent - 1 : sent;
}

void observe_sent(struct sending *sending, const void *bytes, ssize_t sent, int flags)
{
    sent = in_stream(sent, flags);
    struct iovec part = {(void *)bytes, sent > 0 ? (size_t)sent : 0};
    observe_sent_vector(sending, &part, 1, sent);
}

__attribute__((noinline)) void observe_sent_to(int fd, const struct sockaddr *address,
                                               socklen_t length, ssize_t sent, int flags)
{
    if (!(flags & MSG_FASTOPEN) || !address || connection_of(fd))
        return;
    observe_connected(fd, address, length, sent < 0 ? -1 : 0);
    if (sent <= 0)
        return;
    /* Its first bytes are written already. */
    struct sending first = observe_sending(fd);
    observe_sent_unseen(&first, 0);
}

static void hand_on(int fd)
{
    struct connection *connection = connection_of(fd);
    if (connection)
        atomic_store_explicit(&connection->handed_on, true, memory_order_relaxed);
}

void observe_sent_message(struct sending *sending, int fd, const struct msghdr *message,
                          ssize_t sent, int flags)
{
    static const struct msghdr none;
    if (sent < 0 && !(flags & MSG_FASTOPEN && errno == EINPROGRESS))
        message = &none;
    observe_sent_vector(sending, message->msg_iov, (size_t)message->msg_iovlen,
                        in_stream(sent, flags));
    observe_sent_to(fd, message->msg_name, message->msg_namelen, sent, flags);
    if (message->msg_controllen && agent_enter())
        for_each_descriptor(message, hand_on);
}

void observe_sent_unseen(struct sending *sending, ssize_t sent)
{
    struct connection *connection = sent_on(sending);
    if (!connection)
        return;
    int saved = errno;
    if (sent > 0)
        stream_sent(connection, NULL, (size_t)sent, sent_ns(sending, sent));
    else if (has_gone(sent))
        send_refused(connection);
    connection_unclaim(connection, SIDE_OUT);
    errno = saved;
}

void observe_sent_file(struct sending *sending, int file, const off_t *end, ssize_t sent)
{
    if (!sending->connection) {
        observe_received_unseen(file, sent); /* into a pipe, it may come from a connection */
        return;
    }
    struct connection *connection = sent_on(sending);
    if (!connection)
        return;
    int saved = errno;
    if (sent > 0)
        stream_sent_file(connection, file, end, (size_t)sent, sent_ns(sending, sent));
    else if (has_gone(sent))
        send_refused(connection);
    connection_unclaim(connection, SIDE_OUT);
    errno = saved;
}

void observe_sent_messages(struct sending *sending, const struct mmsghdr *messages, int sent,
                           int flags)
{
    int saved = errno;
    struct connection *connection = sent_on(sending);
    for (int i = 0; i < sent; i++) {
        const struct msghdr *message = &messages[i].msg_hdr;
        if (connection)
            feed_vector(stream_sent, connection, message->msg_iov, (size_t)message->msg_iovlen,
                        (size_t)in_stream((ssize_t)messages[i].msg_len, flags), sending->time_ns);
        if (message->msg_controllen && agent_enter())
            for_each_descriptor(message, hand_on);
    }
    if (connection) {
        stream_call_sent(connection, sending->time_ns);
        connection_unclaim(connection, SIDE_OUT);
    }
    errno = saved;
}

uint64_t observe_shutting_down(int fd)
{
    return connection_of(fd) ? clock_monotonic_ns() : 0;
}

void observe_shut_down(int fd, int how, int result, uint64_t begun_ns)
{
    if (result != 0 || how == SHUT_RD)
        return;
    int saved = errno;
    struct connection *connection = connection_of(fd);
    if (connection)
        atomic_store_explicit(&connection->flow.channel.shut, true, memory_order_relaxed);
    if (connection && agent_enter() && connection_claim(connection, SIDE_OUT, fd)) {
        stream_sending_ended(connection, begun_ns);
        connection_unclaim(connection, SIDE_OUT);
    }
    errno = saved;
}
