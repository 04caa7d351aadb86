// SPDX-License-Identifier: Apache-2.0
#include "sink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLICE_BYTES    16384
#define POST_BYTES_MAX (16u << 20)
#define WIRE_BYTES     2

struct sink_peer {
    int fd;
    uint8_t *post; /* head and body, as far as they came */
    size_t received;
    size_t length; /* of both; 0 until the head is complete */
    size_t head_length;
    bool compressed;
};

static struct {
    int epoll;
    int listener;
    struct sink_counts counts;
} sink;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_load: collector: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int fd, void *tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};
    if (epoll_ctl(sink.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
}

uint16_t sink_open(int epoll, void *tag)
{
    sink.epoll = epoll;
    sink.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (sink.listener < 0 ||
        bind(sink.listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(sink.listener, 64) != 0 ||
        getsockname(sink.listener, (struct sockaddr *)&address, &length) != 0)
        fail("listen");
    watch(sink.listener, tag);
    return ntohs(address.sin_port);
}

void sink_accept(void)
{
    int fd = accept4(sink.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct sink_peer *peer = calloc(1, sizeof *peer);
    if (!peer || !(peer->post = malloc(POST_BYTES_MAX))) /* only what is used becomes resident */
        fail("memory");
    peer->fd = fd;
    watch(fd, peer);
}

static void close_peer(struct sink_peer *peer)
{
    close(peer->fd);
    free(peer->post);
    free(peer);
}

/* NULL where the number is cut short. */
static const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        *value |= (uint64_t)(*at & 0x7f) << shift;
        if (!(*at++ & 0x80))
            return at;
    }
    return NULL;
}

/* Embedded messages at a path of field numbers; spans are counted, not entered. */
static long count_messages(const uint8_t *at, const uint8_t *end, const uint8_t *path)
{
    long count = 0;
    while (at < end) {
        uint64_t key, length = 0;
        if (!(at = read_varint(at, end, &key)))
            return -1;
        switch (key & 7) {
        case 0:
            if (!(at = read_varint(at, end, &length)))
                return -1;
            continue;
        case 1:
        case 5:
            length = (key & 7) == 1 ? 8 : 4;
            break;
        case WIRE_BYTES:
            if (!(at = read_varint(at, end, &length)))
                return -1;
            break;
        default:
            return -1;
        }
        if (length > (uint64_t)(end - at))
            return -1;
        if (key == ((uint64_t)path[0] << 3 | WIRE_BYTES)) {
            long inside = path[1] ? count_messages(at, at + length, path + 1) : 1;
            if (inside < 0)
                return -1;
            count += inside;
        }
        at += length;
    }
    return count;
}

long sink_count_spans(const uint8_t *bytes, const uint8_t *end)
{
    /* resource_spans, scope_spans, spans: opentelemetry-proto */
    static const uint8_t path[] = {1, 2, 2, 0};
    return count_messages(bytes, end, path);
}

static void read_head(struct sink_peer *peer)
{
    peer->post[peer->received] = '\0';
    const char *head = (const char *)peer->post;
    const char *end = strstr(head, "\r\n\r\n");
    if (!end)
        return;
    const char *length = strcasestr(head, "\r\nContent-Length:");
    const char *encoding = strcasestr(head, "\r\nContent-Encoding: gzip");
    peer->compressed = encoding && encoding < end;
    peer->head_length = (size_t)(end + 4 - head);
    peer->length = peer->head_length;
    if (length && length < end)
        peer->length += strtoul(length + 17, NULL, 10);
}

static void answer(struct sink_peer *peer)
{
    static const char text[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
    const uint8_t *body = peer->post + peer->head_length;
    long spans = peer->compressed ? 0 : sink_count_spans(body, peer->post + peer->length);
    if (spans < 0) {
        errno = EPROTO;
        fail("a post that is no ExportTraceServiceRequest");
    }
    sink.counts.spans += spans;
    sink.counts.posts++;
    sink.counts.bytes += (long)(peer->length - peer->head_length);
    peer->received = peer->length = 0;
    if (send(peer->fd, text, sizeof text - 1, MSG_NOSIGNAL) < 0)
        close_peer(peer);
}

void sink_receive(struct sink_peer *peer)
{
    size_t room = POST_BYTES_MAX - 1 - peer->received;
    ssize_t length = recv(peer->fd, peer->post + peer->received,
                          room < SLICE_BYTES ? room : SLICE_BYTES, MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) { /* the exporter's end, or a post without end */
        close_peer(peer);
        return;
    }
    peer->received += (size_t)length;
    if (!peer->length)
        read_head(peer);
    if (peer->length && peer->received >= peer->length)
        answer(peer);
}

struct sink_counts sink_take(void)
{
    struct sink_counts counts = sink.counts;
    sink.counts = (struct sink_counts){0};
    return counts;
}
