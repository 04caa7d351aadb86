// SPDX-License-Identifier: Apache-2.0
/* A load with a fixed number of requests, so that runs can be compared: GETs over keep-alive
 * connections, one request under way on each.
 *
 *     bench_load PORT PATH REQUESTS CONNECTIONS
 *
 * Prints one line: requests, seconds, p50_us, p99_us. Anything but the same 200 for each request
 * is an error. Written for a server on 127.0.0.1 that sends Content-Length. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RESPONSE_BYTES 65536

static struct {
    char request[1024];
    size_t request_length;
    size_t response_length; /* 0: no response was complete yet */
    long wanted;
    long sent;
    long done;
    uint32_t *latencies_ns; /* by number of completion */
    int epoll;
} load;

struct client {
    int fd;
    size_t received;
    uint64_t sent_ns;
    char head[4096]; /* of the first response */
};

static _Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench_load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void send_request(struct client *client)
{
    if (load.sent == load.wanted)
        return;
    load.sent++;
    client->received = 0;
    client->sent_ns = now_ns();
    if (send(client->fd, load.request, load.request_length, MSG_NOSIGNAL) !=
        (ssize_t)load.request_length)
        fail("send: %s", strerror(errno));
}

/* The length of a whole response from its head; 0 where that is not complete. */
static size_t response_length(const char *head)
{
    const char *end = strstr(head, "\r\n\r\n");
    if (!end)
        return 0;
    const char *length = strcasestr(head, "\r\nContent-Length:");
    if (strncmp(head, "HTTP/1.1 200 ", 13) != 0 || !length || length > end)
        fail("expected 200 and Content-Length, got %.*s", (int)(end - head), head);
    return (size_t)(end + 4 - head) + strtoul(length + 17, NULL, 10);
}

/* The first response of all tells how long each is. */
static void learn(struct client *client, const char *bytes, size_t length)
{
    size_t before = client->received - length;
    if (client->received >= sizeof client->head)
        fail("the first response is longer than %zu bytes", sizeof client->head);
    memcpy(client->head + before, bytes, length);
    client->head[client->received] = '\0';
    load.response_length = response_length(client->head);
}

static void receive(struct client *client)
{
    static char bytes[RESPONSE_BYTES];
    ssize_t length = recv(client->fd, bytes, sizeof bytes, 0);
    if (length <= 0)
        fail("the server closed a connection after %ld responses", load.done);
    client->received += (size_t)length;
    if (!load.response_length)
        learn(client, bytes, (size_t)length);
    if (!load.response_length || client->received < load.response_length)
        return;
    if (client->received > load.response_length)
        fail("a response of %zu bytes instead of %zu", client->received, load.response_length);
    uint64_t latency = now_ns() - client->sent_ns;
    load.latencies_ns[load.done++] = latency > UINT32_MAX ? UINT32_MAX : (uint32_t)latency;
    send_request(client);
}

static void open_client(struct client *client, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect to 127.0.0.1:%u: %s", port, strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(load.epoll, EPOLL_CTL_ADD, client->fd, &event);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double latency_us(double share)
{
    return load.latencies_ns[(long)((double)(load.done - 1) * share)] / 1e3;
}

int main(int count, char **arguments)
{
    if (count != 5)
        fail("usage: bench_load PORT PATH REQUESTS CONNECTIONS");
    uint16_t port = (uint16_t)strtoul(arguments[1], NULL, 10);
    load.wanted = strtol(arguments[3], NULL, 10);
    long connections = strtol(arguments[4], NULL, 10);
    if (load.wanted < 1 || connections < 1 || connections > load.wanted)
        fail("at least one connection, and at least as many requests");
    int length = snprintf(load.request, sizeof load.request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: bench_load/1\r\n"
                          "Accept: */*\r\n\r\n",
                          arguments[2], port);
    if (length < 0 || (size_t)length >= sizeof load.request)
        fail("the path is too long");
    load.request_length = (size_t)length;
    load.latencies_ns = calloc((size_t)load.wanted, sizeof *load.latencies_ns);
    struct client *clients = calloc((size_t)connections, sizeof *clients);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!load.latencies_ns || !clients || load.epoll < 0)
        fail("no memory");
    for (long i = 0; i < connections; i++)
        open_client(&clients[i], port);

    uint64_t began_ns = now_ns();
    for (long i = 0; i < connections; i++)
        send_request(&clients[i]);
    while (load.done < load.wanted) {
        struct epoll_event events[64];
        int ready = epoll_wait(load.epoll, events, 64, 10000);
        if (ready == 0)
            fail("no answer for 10 s");
        for (int i = 0; i < ready; i++)
            receive(events[i].data.ptr);
    }
    double seconds = (double)(now_ns() - began_ns) / 1e9;
    qsort(load.latencies_ns, (size_t)load.done, sizeof *load.latencies_ns, by_value);
    printf("requests %ld seconds %.6f p50_us %.1f p99_us %.1f\n", load.done, seconds,
           latency_us(0.5), latency_us(0.99));
    return 0;
}
