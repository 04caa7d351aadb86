// SPDX-License-Identifier: Apache-2.0
/* Threads that share descriptors: accept, read, answer, duplicate and close the same few numbers
 * at random. Programs do not do that on purpose, but they do close under a reader, and the
 * agent's state must stay whole: no crash, no report of a sanitizer, every span accounted for.
 *
 * `whose`: without client connections, through which a thread may work for what another has read.
 * Then whom a thread works for it has read itself, or it is nobody. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/counters.h"
#include "agent/base/preparation.h"
#include "agent/life/agent.h"
#include "agent/net/connection.h"
#include "agent/observe/observe.h"
#include "agent/protocols/table.h"
#include "agent/queue/queue.h"
#include "agent/work/context.h"

#define LISTENER_FD 799
#define FIRST_FD    800
#define FDS         6
#define EXCHANGES   4096 /* as life/agent.c has them */
#define THREADS     4

static _Atomic bool over;
static _Atomic uint64_t taken;
static bool whose;
static pthread_barrier_t start; /* so that the first requests of all make the region */

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

/* Its requests are told by their trace. */
struct worker {
    unsigned seed;
    uint8_t number;
    char requests[2 * 128]; /* twice the same */
    size_t length;          /* of one */
};

static void prepare(struct worker *worker, unsigned number)
{
    worker->seed = number;
    worker->number = (uint8_t)number;
    for (int i = 0; i < 2; i++)
        worker->length = (size_t)snprintf(worker->requests + (size_t)i * worker->length, 128,
                                          "GET /a/17 HTTP/1.1\r\nHost: a\r\ntraceparent: 00-"
                                          "0af7651916cd43dd8448eb211c8031%02x-b7ad6b7169203331-01"
                                          "\r\n\r\n",
                                          number);
}

static void receive(const struct worker *worker, int fd, size_t length)
{
    observe_received(fd, worker->requests, (ssize_t)length, 0);
}

static void step(const struct worker *worker, int fd, unsigned choice)
{
    static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n";
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
        receive(worker, fd, 10);
        break;
    case 5:
        observe_shut_down(fd, SHUT_WR, 0, observe_shutting_down(fd));
        break;
    case 6:
        if (!whose)
            observe_connected(fd, NULL, 0, 0);
        break;
    case 7:
        receive(worker, fd, 2 * worker->length);
        send_text(fd, response, sizeof response - 1);
        break;
    case 8:
        if (choice / 16 % 8 == 0)
            send_text(fd, upgrade, sizeof upgrade - 1);
        break;
    case 9:
        receive(worker, fd, worker->length);
        break;
    default:
        receive(worker, fd, worker->length);
        send_text(fd, response, 20);
        send_text(fd, response + 20, sizeof response - 21);
    }
}

static bool works_for_another(const struct worker *worker)
{
    const struct span_context *span = &context_current()->span;
    return whose && span_context_present(span) && span->trace_id[15] != worker->number;
}

static void *work(void *number)
{
    struct worker worker;
    prepare(&worker, (unsigned)(uintptr_t)number);
    pthread_barrier_wait(&start);
    while (!over) {
        step(&worker, FIRST_FD + (int)(next(&worker.seed) % FDS), next(&worker.seed));
        if (works_for_another(&worker)) {
            (void)fprintf(stderr, "a thread works for what another thread has read\n");
            abort();
        }
    }
    return NULL;
}

static void *drain(void *unused)
{
    (void)unused;
    static _Alignas(8) unsigned char record[RING_RECORD_BYTES_MAX];
    for (;;) {
        bool last = over;
        while (ring_read(queue.region.ring, record, sizeof record))
            taken++;
        if (last)
            return NULL;
        usleep(100);
    }
}

static void *read_spans(void *unused)
{
    pthread_barrier_wait(&start);
    if (!queue_make_region())
        abort();
    return drain(unused);
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
        int fd = FIRST_FD + (int)(i / PIPELINE_LENGTH);
        if (i % PIPELINE_LENGTH == 0)
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
    whose = count > 2 && strcmp(arguments[2], "whose") == 0;
    static struct config config;
    if (!config_parse(&config, nothing_set, NULL, NULL))
        return 1;
    table_use();
    agent_open(&config, &(struct agent_exporter){0});
    if (!preparation_do())
        return 1;

    pthread_t threads[THREADS], reader;
    pthread_barrier_init(&start, NULL, THREADS + 1);
    pthread_create(&reader, NULL, read_spans, NULL);
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
