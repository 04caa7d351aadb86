// SPDX-License-Identifier: Apache-2.0
/* Threads that share descriptors: accept, read, answer, duplicate and close the same few numbers
 * at random. Programs do not do that on purpose, but they do close under a reader, and the
 * agent's state must stay whole: no crash, no report of a sanitizer, every span accounted for. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/connection.h"
#include "agent/counters.h"
#include "agent/observe.h"

#define LISTENER_FD 799
#define FIRST_FD    800
#define FDS         6
#define EXCHANGES   4096 /* as agent.c has them */
#define THREADS     4

static _Atomic bool over;
static _Atomic uint64_t taken;

static unsigned next(unsigned *seed)
{
    return *seed = *seed * 1103515245u + 12345u, *seed >> 16;
}

static void accept_one(int fd)
{
    struct accepting accepting;
    observe_accepting(&accepting, NULL, NULL);
    observe_accepted(&accepting, LISTENER_FD, fd);
}

static void send_text(int fd, const char *text, size_t length)
{
    struct sending sending = observe_sending(fd);
    observe_sent(&sending, text, (ssize_t)length, 0);
}

static void step(int fd, unsigned choice)
{
    static const char request[] = "GET /a/17 HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    switch (choice % 16) {
    case 0:
        observe_closing(fd);
        break;
    case 1:
        observe_duplicated(fd, FIRST_FD + (int)(choice / 16 % FDS));
        break;
    case 2:
    case 3:
        accept_one(fd);
        break;
    case 4:
        observe_received(fd, request, 10, 0);
        break;
    case 5:
        observe_shut_down(fd, SHUT_WR, 0, observe_shutting_down(fd));
        break;
    case 6:
        observe_connected(fd, NULL, 0, 0);
        break;
    default:
        observe_received(fd, request, sizeof request - 1, 0);
        send_text(fd, response, 20);
        send_text(fd, response + 20, sizeof response - 21);
    }
}

static void *work(void *number)
{
    unsigned seed = (unsigned)(uintptr_t)number;
    while (!over)
        step(FIRST_FD + (int)(next(&seed) % FDS), next(&seed));
    return NULL;
}

static void *drain(void *unused)
{
    (void)unused;
    static _Alignas(8) unsigned char record[RING_RECORD_BYTES_MAX];
    for (;;) {
        bool last = over;
        while (ring_read(agent.region.ring, record, sizeof record))
            taken++;
        if (last)
            return NULL;
        usleep(100);
    }
}

static const char *nothing_set(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

/* As many requests as there are slots, all of them waiting at a time. */
static bool exchanges_are_all_free(void)
{
    static const char request[] = "GET / HTTP/1.1\r\n\r\n";
    uint64_t dropped = counters_get(&counters.dropped_exchanges);
    for (uint32_t i = 0; i < EXCHANGES; i++) {
        int fd = FIRST_FD + (int)(i / CONNECTION_PIPELINE);
        if (i % CONNECTION_PIPELINE == 0)
            accept_one(fd);
        observe_received(fd, request, sizeof request - 1, 0);
    }
    uint64_t missing = counters_get(&counters.dropped_exchanges) - dropped;
    printf("exchanges that were not given back: %llu\n", (unsigned long long)missing);
    return missing == 0;
}

int main(int count, char **arguments)
{
    unsigned seconds = count > 1 ? (unsigned)atoi(arguments[1]) : 2;
    if (!config_parse(&agent.config, nothing_set, NULL, NULL))
        return 1;
    agent_open();
    if (!agent_prepare() || !agent_make_region())
        return 1;

    pthread_t threads[THREADS], reader;
    pthread_create(&reader, NULL, drain, NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    sleep(seconds);
    over = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_join(reader, NULL);
    for (int i = 0; i < FDS; i++)
        connection_release(FIRST_FD + i);
    drain(NULL);
    if (!exchanges_are_all_free())
        return 1;

    uint64_t ended = counters_get(&counters.spans_ended);
    uint64_t dropped = counters_get(&counters.dropped_queue_full);
    printf("ended %llu = taken %llu + dropped %llu; opaque %llu\n", (unsigned long long)ended,
           (unsigned long long)taken, (unsigned long long)dropped,
           (unsigned long long)counters_get(&counters.connections_opaque));
    return ended == taken + dropped && ended > 100 ? 0 : 1;
}
