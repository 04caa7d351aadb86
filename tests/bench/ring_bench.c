// SPDX-License-Identifier: Apache-2.0
/* ring_bench [RECORD_BYTES]: nanoseconds per ring_write, with 1 and with 8 writers.
 *
 * Two sizes of round: 1,000 records, which stay in the processor's cache as the few spans between
 * two exports do, and 32,000, which do not. The ring never fills during a round and is emptied
 * between rounds, so that writes are measured and not refusals; its memory is touched before. CPU
 * time, not wall time, because 8 writers share the machine's processors. The best round is what
 * the code costs, the median what a busy machine makes of it. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/queue/region.h"

enum { ROUNDS = 41, WRITES_MAX = 32000, THREADS_MAX = 8 };

static struct region region;
static uint32_t record_bytes = 704;
static unsigned writes_each;
static pthread_barrier_t gate;
static uint64_t cpu_ns[THREADS_MAX];
static uint64_t refused[THREADS_MAX];

static uint64_t thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *write_share(void *argument)
{
    size_t self = (size_t)argument;
    unsigned char record[RING_RECORD_BYTES_MAX];
    memset(record, 'x', sizeof record);
    pthread_barrier_wait(&gate);
    uint64_t start = thread_cpu_ns();
    for (unsigned i = 0; i < writes_each; i++)
        refused[self] += !ring_write(region.ring, record, record_bytes);
    cpu_ns[self] = thread_cpu_ns() - start;
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A small ring is cached, a large one is not: made anew for each measurement. */
static bool make_ring(unsigned writes)
{
    /* 1 KiB of ring a record: more than a record of up to 896 bytes takes. */
    if (!region_init(&region, (size_t)writes * (record_bytes / 896 + 1), &(struct region_place){0}))
        return false;
    size_t bytes = region.header->ring_bytes;
    memset(region.ring, 0, bytes); /* touches every page, and unmakes the ring */
    return ring_init(region.ring, bytes) != NULL;
}

static void measure(unsigned threads, unsigned writes)
{
    static _Alignas(8) unsigned char into[RING_RECORD_BYTES_MAX];
    double ns[ROUNDS];
    uint64_t lost = 0;
    if (!make_ring(writes))
        exit(1);
    writes_each = writes / threads;
    pthread_barrier_init(&gate, NULL, threads);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t ids[THREADS_MAX];
        memset(refused, 0, sizeof refused);
        for (size_t i = 0; i < threads; i++)
            if (pthread_create(&ids[i], NULL, write_share, (void *)i) != 0)
                exit(1);
        uint64_t total = 0;
        for (size_t i = 0; i < threads; i++) {
            pthread_join(ids[i], NULL);
            total += cpu_ns[i];
            lost += refused[i];
        }
        ns[round] = (double)total / writes;
        while (ring_read(region.ring, into, sizeof into))
            ;
    }
    pthread_barrier_destroy(&gate);
    region_forget(&region);
    qsort(ns, ROUNDS, sizeof *ns, ascending);
    printf("%u writer%s %5u records of %u bytes: best %.1f, median %.1f ns a write; %llu refused\n",
           threads, threads == 1 ? ", " : "s,", writes, record_bytes, ns[0], ns[ROUNDS / 2],
           (unsigned long long)lost);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        record_bytes = (uint32_t)strtoul(argv[1], NULL, 10);
    if (record_bytes == 0 || record_bytes % 8 || record_bytes > RING_RECORD_BYTES_MAX) {
        fprintf(stderr, "usage: ring_bench [RECORD_BYTES, a multiple of 8 up to 16384]\n");
        return 2;
    }
    measure(1, 1000);
    measure(1, WRITES_MAX);
    measure(8, 1000);
    measure(8, WRITES_MAX);
    return 0;
}
