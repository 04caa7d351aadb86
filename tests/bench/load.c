// SPDX-License-Identifier: Apache-2.0
/* bench_load - the load of scripts/bench, and the collector beside it, in one process.
 *
 * While it loads it never sleeps: a load that is woken measures the waking of its own processor.
 * It prints the collector's port, then answers each line of its standard input by one of its own:
 *
 *     load PORT PATH REQUESTS CONNECTIONS RATE HEAD
 *         Sends GETs over keep-alive connections, one request under way on each. RATE 0 is a closed
 *         loop: the next request follows its predecessor's response. Another RATE, in requests a
 *         second, is an open loop: each request has its time, and waits for a connection if none is
 *         free; its latency counts from the time that it was meant to leave, so that a server that
 *         stops is charged with all who would have come meanwhile. HEAD: hello (what small
 *         programs send) or browser (490 bytes).
 *         -> requests N seconds S p50_us U p99_us U p999_us U most_us U head_bytes N
 *     spans
 *         -> spans N posts N bytes N: what came to the collector since the last such line
 *
 * Anything but the same 200 for each request is an error. Written for servers on 127.0.0.1 that
 * send Content-Length. */
#include "sink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS       1000000000u
#define PATIENCE_NS     (60ull * SECOND_NS) /* a server under valgrind takes its time */
#define BROWSER_BYTES   490
#define CONNECTIONS_MAX 1024
#define EVENTS_AT_ONCE  64
#define FIRST_RESPONSE  4096

struct client {
    int fd;
    size_t received;
    uint64_t due_ns;
    char head[FIRST_RESPONSE]; /* of the first response */
};

static struct {
    char request[1024];
    size_t request_length;
    size_t response_length; /* 0: no response was complete yet */
    long wanted;
    long sent;
    long done;
    uint64_t began_ns;
    double interval_ns;                   /* 0: closed loop */
    uint64_t *latencies_ns;               /* by number of completion */
    struct client *idle[CONNECTIONS_MAX]; /* the longest idle first, a ring */
    size_t idle_first;
    size_t idle_count;
} load;

static int epoll;
static char input_tag, listener_tag; /* who has an event, where it is no client */
static bool loading;                 /* then data.ptr of others is a client below */
static struct client *clients, *clients_end;

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
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void send_request(struct client *client, uint64_t due_ns)
{
    load.sent++;
    client->received = 0;
    client->due_ns = due_ns;
    if (send(client->fd, load.request, load.request_length, MSG_NOSIGNAL) !=
        (ssize_t)load.request_length)
        fail("send: %s", strerror(errno));
}

static void put_idle(struct client *client)
{
    load.idle[(load.idle_first + load.idle_count++) % CONNECTIONS_MAX] = client;
}

/* Sends what is due, as far as there are connections for it. */
static void send_due(void)
{
    if (load.sent == load.wanted || !load.idle_count)
        return;
    uint64_t now = now_ns();
    while (load.sent < load.wanted && load.idle_count) {
        uint64_t due = now;
        if (load.interval_ns > 0) {
            due = load.began_ns + (uint64_t)((double)load.sent * load.interval_ns);
            if (due > now)
                return;
        }
        struct client *client = load.idle[load.idle_first];
        load.idle_first = (load.idle_first + 1) % CONNECTIONS_MAX;
        load.idle_count--;
        send_request(client, due);
    }
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
    if (client->received >= sizeof client->head)
        fail("the first response is longer than %zu bytes", sizeof client->head);
    memcpy(client->head + client->received - length, bytes, length);
    client->head[client->received] = '\0';
    load.response_length = response_length(client->head);
}

static void receive(struct client *client)
{
    static char bytes[65536];
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
    load.latencies_ns[load.done++] = now_ns() - client->due_ns;
    put_idle(client);
}

static bool is_client(const void *tag)
{
    return loading && (const struct client *)tag >= clients &&
           (const struct client *)tag < clients_end;
}

/* Takes what has come; true where a command may have. */
static bool take_events(int timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int ready = epoll_wait(epoll, events, EVENTS_AT_ONCE, timeout_ms);
    bool command = false;
    for (int i = 0; i < ready; i++) {
        void *tag = events[i].data.ptr;
        if (is_client(tag))
            receive(tag);
        else if (tag == &input_tag)
            command = true;
        else if (tag == &listener_tag)
            sink_accept();
        else
            sink_receive(tag);
    }
    return command;
}

static void open_client(struct client *client, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect to 127.0.0.1:%u: %s", port, strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event);
    put_idle(client);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest latency that at least this share of the requests did not exceed. */
static double latency_us(double share)
{
    double rank = share * (double)load.done;
    long index = (long)rank;
    if ((double)index == rank && index > 0)
        index--;
    return (double)load.latencies_ns[index < load.done ? index : load.done - 1] / 1e3;
}

static void write_head(const char *path, uint16_t port, const char *kind)
{
    static const char hello[] = "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                                "User-Agent: bench_load/1\r\nAccept: */*\r\n\r\n";
    static const char browser[] =
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: keep-alive\r\n"
        "Upgrade-Insecure-Requests: 1\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
        "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
        "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\n"
        "Cookie: session=";
    bool long_one = strcmp(kind, "browser") == 0;
    int length =
        snprintf(load.request, sizeof load.request, long_one ? browser : hello, path, port);
    if (length < 0 || length > (long_one ? BROWSER_BYTES - 5 : 900))
        fail("the path is too long");
    load.request_length = (size_t)length;
    if (!long_one)
        return;
    while (load.request_length < BROWSER_BYTES - 4) /* the cookie makes up for path and port */
        load.request[load.request_length++] = 'c';
    memcpy(load.request + load.request_length, "\r\n\r\n", 4);
    load.request_length += 4;
}

static void run_load(uint16_t port, const char *path, long wanted, long connections, double rate,
                     const char *kind)
{
    if (wanted < 1 || connections < 1 || connections > CONNECTIONS_MAX || connections > wanted)
        fail("1 to %d connections, and at least as many requests", CONNECTIONS_MAX);
    memset(&load, 0, sizeof load);
    load.wanted = wanted;
    load.interval_ns = rate > 0 ? SECOND_NS / rate : 0;
    write_head(path, port, kind);
    load.latencies_ns = calloc((size_t)wanted, sizeof *load.latencies_ns);
    clients = calloc((size_t)connections, sizeof *clients);
    if (!load.latencies_ns || !clients)
        fail("no memory");
    memset(load.latencies_ns, 1, (size_t)wanted * sizeof *load.latencies_ns); /* resident now */
    clients_end = clients + connections;
    for (long i = 0; i < connections; i++)
        open_client(&clients[i], port);

    loading = true;
    load.began_ns = now_ns();
    uint64_t progress_ns = load.began_ns;
    for (long before = -1; load.done < load.wanted;) {
        send_due();
        take_events(0);
        if (load.done != before)
            progress_ns = now_ns();
        else if (now_ns() - progress_ns > PATIENCE_NS)
            fail("no answer for %llu s", PATIENCE_NS / SECOND_NS);
        before = load.done;
    }
    double seconds = (double)(now_ns() - load.began_ns) / 1e9;
    loading = false;
    for (long i = 0; i < connections; i++)
        close(clients[i].fd);
    qsort(load.latencies_ns, (size_t)load.done, sizeof *load.latencies_ns, by_value);
    printf("requests %ld seconds %.6f p50_us %.1f p99_us %.1f p999_us %.1f most_us %.1f "
           "head_bytes %zu\n",
           load.done, seconds, latency_us(0.5), latency_us(0.99), latency_us(0.999), latency_us(1),
           load.request_length);
    free(load.latencies_ns);
    free(clients);
}

static void obey(const char *line)
{
    unsigned port;
    long requests, connections;
    double rate;
    char path[256], kind[16];
    if (strcmp(line, "spans") == 0) {
        struct sink_counts counts = sink_take();
        printf("spans %ld posts %ld bytes %ld\n", counts.spans, counts.posts, counts.bytes);
    } else if (sscanf(line, "load %u %255s %ld %ld %lf %15s", &port, path, &requests, &connections,
                      &rate, kind) == 6) {
        run_load((uint16_t)port, path, requests, connections, rate, kind);
    } else {
        fail("not understood: %s", line);
    }
    fflush(stdout);
}

/* False at the end of the input. */
static bool read_commands(void)
{
    static char text[1024];
    static size_t length;
    ssize_t more = read(STDIN_FILENO, text + length, sizeof text - 1 - length);
    if (more <= 0)
        return false;
    length += (size_t)more;
    text[length] = '\0';
    char *end;
    while ((end = memchr(text, '\n', length))) {
        *end = '\0';
        obey(text);
        length -= (size_t)(end + 1 - text);
        memmove(text, end + 1, length);
    }
    return true;
}

int main(void)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &input_tag};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
        fail("standard input has to be a pipe: %s", strerror(errno));
    printf("collector %u\n", sink_open(epoll, &listener_tag));
    fflush(stdout);
    while (!take_events(-1) || read_commands())
        continue;
    return 0;
}
