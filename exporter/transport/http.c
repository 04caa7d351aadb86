// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "exporter/base/failure.h"
#include "exporter/otlp/otlp.h"
#include "exporter/transport/fields.h"

#define ANSWER_BYTES_MOST ((size_t)4 << 20)
#define ANSWER_BYTES_KEPT ((size_t)65536)
#define TAKEN_MOST        10 /* in one post, before it is given up */
#define SMALL_BYTES       512
#define SMALL_AT_ONCE     8 /* pieces of an answer; behind each further one there is a rest */
#define REST_MS           10

/* The application has closed our socket, or put something else in its place: no fault of the
 * collector's, and worth another connection at once. */
static bool is_taken(int error)
{
    return error == EBADF || error == ENOTSOCK;
}

/* Waits for the socket: the events that are there, or 0 when the post's time is over (errno
 * ETIMEDOUT), or the application has taken the descriptor away (EBADF). */
static short wait_for(const struct http *http, short events, const struct transport_post *post)
{
    for (;;) {
        if (!own_fd_is_valid(&http->socket)) {
            errno = EBADF;
            return 0;
        }
        int left = transport_left_ms(post);
        if (left == 0) {
            errno = ETIMEDOUT;
            return 0;
        }
        struct pollfd wait = {.fd = http->socket.fd, .events = events};
        if (os.poll(&wait, 1, left < TRANSPORT_SLICE_MS ? left : TRANSPORT_SLICE_MS) > 0 &&
            own_fd_is_valid(&http->socket))
            return wait.revents;
    }
}

static void http_close(struct transport *transport)
{
    own_fd_close(&((struct http *)transport)->socket);
}

/* Whether the kept connection can carry a request: the collector may have closed it, or said
 * something that nobody asked for. */
static bool is_usable(struct http *http)
{
    char byte;
    if (own_fd_is_valid(&http->socket)) {
        ssize_t peeked = os.recv(http->socket.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (peeked < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
    }
    http_close(&http->transport);
    return false;
}

/* Connects a non-blocking socket to one address; false with errno. */
static bool connect_one(struct http *http, const struct sockaddr_storage *address, socklen_t bytes,
                        const struct transport_post *post)
{
    int fd = os.socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    http->socket = own_fd_take(fd);
    fd = http->socket.fd;
    if (address->ss_family != AF_UNIX) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    int error = os.connect(fd, (const struct sockaddr *)address, bytes) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        socklen_t length = sizeof error;
        if (!wait_for(http, POLLOUT, post) ||
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
            error = errno;
    }
    if (error == 0)
        return true;
    http_close(&http->transport);
    errno = error;
    return false;
}

/* Where that has become impossible (a chroot without resolver files), the addresses known are
 * kept. A resolver that hangs must not take the last second of a process. */
static void look_up(struct http *http, const struct transport_post *post)
{
    uint64_t begun = clock_monotonic_ns();
    if (http->addresses.count && (atomic_load_explicit(post->stop_ns, memory_order_relaxed) ||
                                  !renewal_may_look_up(&http->renewal, begun)))
        return;
    if (address_literal(http->endpoint, &http->addresses))
        return;
    address_resolve(http->endpoint, &http->addresses);
    renewal_looked_up(&http->renewal, begun, clock_monotonic_ns());
}

static bool connect_any(struct http *http, const struct transport_post *post)
{
    int count = http->addresses.count;
    address_arrange(&http->addresses, http->renewal.refused);
    errno = EHOSTUNREACH;
    for (int i = 0; i < count; i++) {
        /* An address that swallows packets must leave time for those after it. */
        struct transport_post share = *post;
        uint64_t left_ns = (uint64_t)transport_left_ms(post) * 1000000u;
        share.deadline_ns = clock_monotonic_ns() + left_ns / (unsigned)(count - i);
        if (!connect_one(http, &http->addresses.list[i].address, http->addresses.list[i].bytes,
                         &share))
            continue;
        address_used(&http->addresses, i);
        return true;
    }
    return false;
}

/* Changes the connection for another one. One that has only become old is not given up before there
 * is another: the program may have left the place where the collector can be reached from. */
static bool reconnect(struct http *http, const struct transport_post *post, bool *kept)
{
    struct own_fd old = is_usable(http) ? http->socket : OWN_FD_NONE;
    struct transport_post brief = *post;
    http->socket = OWN_FD_NONE;
    if (old.fd >= 0)
        brief.deadline_ns -= (uint64_t)transport_left_ms(post) * 500000u;
    renewal_begin(&http->renewal, clock_monotonic_ns());
    bool connected = connect_any(http, &brief);
    *kept = !connected && own_fd_is_valid(&old);
    if (*kept)
        http->socket = old;
    else
        own_fd_close(&old);
    return connected || *kept;
}

/* As long as it is not old the connection that is kept will do, or else the addresses that are
 * known. */
static bool get_connection(struct http *http, const struct transport_post *post, bool *kept)
{
    if (renewal_due(&http->renewal, clock_monotonic_ns()))
        return reconnect(http, post, kept);
    *kept = is_usable(http);
    return *kept || connect_any(http, post);
}

/* Steps over `sent` bytes. */
static void advance(struct msghdr *message, size_t sent)
{
    while (message->msg_iovlen && sent >= message->msg_iov->iov_len) {
        sent -= message->msg_iov->iov_len;
        message->msg_iov++;
        message->msg_iovlen--;
    }
    if (message->msg_iovlen) {
        message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + sent;
        message->msg_iov->iov_len -= sent;
    }
}

/* Takes what has come, and looks at it. What recv() returned. */
static ssize_t take(struct http *http)
{
    struct arena *buffer = &http->buffer;
    ssize_t got = os.recv(http->socket.fd, buffer->base + buffer->used,
                          ANSWER_BYTES_MOST - buffer->used, MSG_DONTWAIT);
    if (got < 0)
        return got;
    buffer->used += (size_t)got;
    http->ended = got == 0;
    http->pieces += got < SMALL_BYTES;
    if (buffer->used)
        http->result = answer_parse((char *)buffer->base, buffer->used, http->ended, &http->answer);
    return got;
}

/* A collector that lets its answer trickle is not waited on byte by byte: those of a while are
 * taken together. */
static void rest(const struct http *http, const struct transport_post *post)
{
    if (http->pieces >= SMALL_AT_ONCE)
        os.poll(NULL, 0, transport_left_ms(post) < REST_MS ? 1 : REST_MS);
}

static bool is_for_later(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* Whether what the collector says while we still send ends the exchange; interim answers do not. */
static bool is_answered(struct http *http)
{
    ssize_t got = take(http);
    if (got < 0)
        return !is_for_later(errno);
    return http->ended || http->result != ANSWER_MORE || http->answer.status != 0;
}

/* Waits until the collector takes more. A collector that answers before it has taken all (413,
 * say) may never take the rest: then false, and errno is EPIPE. */
static bool wait_to_send(struct http *http, const struct transport_post *post)
{
    for (;;) {
        short ready = wait_for(http, POLLOUT | POLLIN, post);
        if (ready != POLLIN)
            return ready;
        if (is_answered(http)) {
            errno = EPIPE;
            return false;
        }
        rest(http, post);
    }
}

static bool send_all(struct http *http, const struct transport_post *post)
{
    char last[80];
    struct iovec pieces[OTLP_PIECES + 2];
    int length = snprintf(last, sizeof last, "%sContent-Length: %zu\r\n\r\n",
                          post->gzip ? "Content-Encoding: gzip\r\n" : "", post->bytes);
    pieces[0] = (struct iovec){http->head, http->head_bytes};
    pieces[1] = (struct iovec){last, (size_t)length};
    memcpy(pieces + 2, post->pieces, (size_t)post->count * sizeof *pieces);
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)post->count + 2};

    advance(&message, 0);
    while (message.msg_iovlen) {
        ssize_t sent = os.sendmsg(http->socket.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0)
            advance(&message, (size_t)sent);
        else if (!is_for_later(errno) || (errno != EINTR && !wait_to_send(http, post)))
            return false;
    }
    return true;
}

static enum transport_outcome fail(struct transport_answer *answer, enum transport_outcome outcome,
                                   const char *what, const char *detail)
{
    snprintf(answer->error, sizeof answer->error, "%s%s", what, detail);
    return outcome;
}

static enum transport_outcome not_http(struct transport_answer *answer, const char *bytes,
                                       size_t length)
{
    return length >= 9 && bytes[3] == '\4' && bytes[0] == 0
               ? fail(answer, TRANSPORT_REFUSED, "the answer is HTTP/2, as of a ", "gRPC port")
               : fail(answer, TRANSPORT_REFUSED, "the answer is not HTTP/1.1", "");
}

/* Takes more, waiting for it if nothing has come; false with errno. The clock is asked each time,
 * because a collector that never stops talking leaves nothing to wait for. */
static bool take_more(struct http *http, const struct transport_post *post)
{
    for (;;) {
        bool ours = own_fd_is_valid(&http->socket);
        if (!ours || transport_left_ms(post) == 0) {
            errno = ours ? ETIMEDOUT : EBADF;
            return false;
        }
        if (take(http) >= 0)
            return true;
        if (!is_for_later(errno) || (errno != EINTR && !wait_for(http, POLLIN, post)))
            return false;
    }
}

/* Receives an answer, or as much of one as there will be: `answer` then has a status if its head
 * was whole. */
static void receive_all(struct http *http, const struct transport_post *post)
{
    struct transport_post hurried = *post;
    http->receive_error = 0;
    while (http->result == ANSWER_MORE && !http->ended && http->buffer.used < ANSWER_BYTES_MOST) {
        transport_hurry(&hurried, http->answer.status);
        if (!take_more(http, &hurried)) {
            http->receive_error = errno;
            return;
        }
        if (http->result == ANSWER_MORE)
            rest(http, &hurried);
    }
}

static enum transport_outcome judge(struct http *http, struct transport_answer *answer)
{
    size_t length = http->buffer.used;
    if (http->receive_error == ETIMEDOUT)
        return fail(answer, TRANSPORT_FAILED, "no answer in time", "");
    if (http->receive_error)
        return fail(answer, TRANSPORT_FAILED,
                    "connection lost: ", failure_text(http->receive_error));
    if (length == 0)
        return fail(answer, TRANSPORT_FAILED, "connection closed without an answer", "");
    switch (http->result) {
    case ANSWER_DONE:
        if (!http->answer.reusable || http->answer.consumed != length || http->ended)
            http_close(&http->transport);
        return TRANSPORT_ANSWERED;
    case ANSWER_BAD:
        return http->ended ? fail(answer, TRANSPORT_FAILED,
                                  "connection closed in the middle of an answer", "")
                           : not_http(answer, (const char *)http->buffer.base, length);
    case ANSWER_LONG:
        return fail(answer, TRANSPORT_REFUSED, "the answer's head is longer than 64 KiB", "");
    case ANSWER_MORE:
        break;
    }
    return fail(answer, TRANSPORT_REFUSED, "the answer is longer than 4 MiB", "");
}

/* A status that has come holds, whatever becomes of the body behind it: to send spans again
 * that the collector has accepted would double them, and to send again what it will not have is
 * of no use. */
static enum transport_outcome receive(struct http *http, const struct transport_post *post,
                                      struct transport_answer *answer)
{
    receive_all(http, post);
    enum transport_outcome outcome = judge(http, answer);
    answer->status = http->answer.status;
    answer->retry_after = http->answer.retry_after;
    answer->body = outcome == TRANSPORT_ANSWERED ? http->answer.body : SLICE_NONE;
    if (outcome != TRANSPORT_ANSWERED)
        http_close(&http->transport);
    return http->answer.status ? TRANSPORT_ANSWERED : outcome;
}

static bool begin_answer(struct http *http)
{
    arena_reset(&http->buffer, ANSWER_BYTES_KEPT);
    http->answer = (struct answer){0};
    http->result = ANSWER_MORE;
    http->ended = false;
    http->pieces = 0;
    return arena_map(&http->buffer, ANSWER_BYTES_MOST);
}

static enum transport_outcome attempt(struct http *http, const struct transport_post *post,
                                      struct transport_answer *answer)
{
    bool kept;
    for (int taken = 0; taken < TAKEN_MOST;) {
        bool connected = get_connection(http, post, &kept);
        if (!connected && is_taken(errno) && ++taken)
            continue;
        if (!connected)
            return fail(answer, TRANSPORT_FAILED,
                        http->addresses.count ? "" : "host name not found: ",
                        http->addresses.count ? failure_text(errno) : http->endpoint->host);
        if (!begin_answer(http))
            return fail(answer, TRANSPORT_FAILED, "no memory", "");

        bool sent = send_all(http, post);
        int error = errno;
        if (!sent && error == ETIMEDOUT) {
            http_close(&http->transport);
            return fail(answer, TRANSPORT_FAILED, "request not taken in time", "");
        }
        if (!sent && is_taken(error) && ++taken) {
            http_close(&http->transport);
            continue;
        }
        /* A server may refuse a body before it has read it all: its answer still counts. */
        enum transport_outcome outcome = receive(http, post, answer);
        bool received = http->buffer.used > 0;
        if (!sent) /* half a request lies on it */
            http_close(&http->transport);
        if (outcome == TRANSPORT_ANSWERED)
            return outcome;
        if (is_taken(http->receive_error) && ++taken)
            continue;
        if (!sent && !received)
            fail(answer, outcome, "connection lost: ", failure_text(error));
        /* A kept connection that the server was about to close: a new one tells. */
        if (!kept || received || transport_left_ms(post) == 0)
            return outcome;
    }
    return fail(answer, TRANSPORT_FAILED, "the program keeps closing the connection", "");
}

/* The time that a resolver takes is not taken from the post's. */
static enum transport_outcome http_post(struct transport *transport,
                                        const struct transport_post *post,
                                        struct transport_answer *answer)
{
    struct http *http = (struct http *)transport;
    struct transport_post prolonged = *post;
    uint64_t begun = clock_monotonic_ns();
    *answer = (struct transport_answer){0};
    if (!http->addresses.count || renewal_due(&http->renewal, begun)) {
        look_up(http, post);
        prolonged.deadline_ns += clock_monotonic_ns() - begun;
    }
    enum transport_outcome outcome = attempt(http, &prolonged, answer);
    renewal_judge(&http->renewal, outcome == TRANSPORT_ANSWERED ? answer->status : 0);
    if (http->renewal.refused)
        http_close(transport);
    return outcome;
}

static bool add_field(void *context, const char *name, const char *value)
{
    struct http *http = context;
    size_t room = sizeof http->head - http->head_bytes;
    if (strlen(name) + strlen(value) + 4 >= room)
        return false;
    http->head_bytes +=
        (size_t)snprintf(http->head + http->head_bytes, room, "%s: %s\r\n", name, value);
    return true;
}

static void http_prepare(struct transport *transport)
{
    struct http *http = (struct http *)transport;
    static const _Atomic uint64_t never;
    const struct transport_post none = {.stop_ns = &never};
    look_up(http, &none);
    renewal_begin(&http->renewal, clock_monotonic_ns());
}

static bool http_asks(const struct transport *transport)
{
    struct addresses unused = {0};
    return !address_literal(((const struct http *)transport)->endpoint, &unused);
}

static bool http_local(const struct transport *transport)
{
    return address_local(&((const struct http *)transport)->addresses);
}

static const struct transport_operations operations = {
    .prepare = http_prepare,
    .asks = http_asks,
    .post = http_post,
    .close = http_close,
    .local = http_local,
};

void http_init(struct http *http, const struct config *config, const struct endpoint *endpoint)
{
    bool v6 = strchr(endpoint->host, ':') != NULL;
    char port[8] = "";
    struct arena buffer = http->buffer;
    struct renewal renewal = http->renewal;
    *http = (struct http){.transport = {&operations},
                          .config = config,
                          .endpoint = endpoint,
                          .buffer = buffer,
                          .renewal = renewal,
                          .socket = OWN_FD_NONE};
    if (endpoint->port && endpoint->port != 80)
        snprintf(port, sizeof port, ":%u", (unsigned)endpoint->port);
    int length = snprintf(http->head, sizeof http->head,
                          "POST %s HTTP/1.1\r\n"
                          "Host: %s%s%s%s\r\n"
                          "User-Agent: otelagent/" OTELAGENT_VERSION "\r\n"
                          "Content-Type: application/x-protobuf\r\n",
                          endpoint->target, v6 ? "[" : "", endpoint->host, v6 ? "]" : "", port);
    http->head_bytes = (size_t)length;
    fields_configured(config, endpoint->user, add_field, http);
}
