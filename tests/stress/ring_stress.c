// SPDX-License-Identifier: Apache-2.0
/* ring_stress steady|troubled [SECONDS [WRITERS]]
 *
 * Writers number and checksum records of random length; the reader checks that each arrives once,
 * whole, and in its writer's order, and that the accounts are exact at the end.
 *
 * steady: nothing goes wrong, so nothing may be missing.
 * troubled: writers are interrupted by signals whose handler writes too, fall asleep in the middle
 * of a record until the reader retires it, and die there. The ring's clock runs twenty times
 * faster. What is missing then has to be what the ring says it abandoned, to the record. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"

enum seam { SEAM_TAIL_READ, SEAM_HOLE_SEEN, SEAM_CLAIMED, SEAM_COPYING, SEAM_COPIED };
static void reach(enum seam point);
static uint64_t faster = 1;

#define RING_SEAM(point) reach(SEAM_##point)
#define RING_NOW_NS()    (clock_monotonic_ns() * faster)
#include "agent/queue/ring.c" // NOLINT(bugprone-suspicious-include)

enum { WRITERS_MAX = 32, SOURCES = WRITERS_MAX * 2, RECORD_WORDS_MAX = 400, HEAD_WORDS = 4 };

struct record {
    uint64_t source; /* writer, or WRITERS_MAX + writer: its signal handler */
    uint64_t number;
    uint64_t words; /* of the whole record */
    uint64_t sum;
    uint64_t body[RECORD_WORDS_MAX];
};

static struct ring *ring;
static _Atomic bool stopping;
static bool troubled;
static _Atomic uint64_t accepted; /* writes that said true */
static _Atomic uint64_t died;     /* writers that died inside a write */
static _Atomic uint64_t refused;
static _Atomic uint64_t slept;
static _Atomic uint64_t interrupted;

static struct writer {
    pthread_t thread;
    _Atomic uint64_t number[2]; /* of the next record: its own, its signal handler's */
    unsigned id;
    _Atomic bool ended;
} writers[WRITERS_MAX];

static _Thread_local struct writer *tl_self;
static _Thread_local uint64_t tl_random = 88172645463325252u;
static _Thread_local bool tl_in_handler;

static uint64_t random_below(uint64_t n)
{
    tl_random ^= tl_random << 13;
    tl_random ^= tl_random >> 7;
    tl_random ^= tl_random << 17;
    return (tl_random >> 16) % n;
}

static uint64_t sum_of(const struct record *record)
{
    uint64_t sum = record->source * 31 + record->number * 17 + record->words;
    for (uint64_t i = 0; i < record->words - HEAD_WORDS; i++)
        sum = (sum << 5 | sum >> 59) ^ record->body[i];
    return sum;
}

static void fail(const char *what, uint64_t a, uint64_t b)
{
    fprintf(stderr, "ring_stress: %s (%llu, %llu)\n", what, (unsigned long long)a,
            (unsigned long long)b);
    abort();
}

/* ---- trouble ---- */

static void reach(enum seam point)
{
    if (!troubled || !tl_self)
        return;
    uint64_t dice = random_below(1000000);
    if (dice < 10) {
        /* Two to six seconds of the ring's time. */
        atomic_fetch_add(&slept, 1);
        struct timespec nap = {0, (long)(100 + 20 * dice) * 1000000};
        nanosleep(&nap, NULL);
    } else if (dice < 40 && (point == SEAM_COPYING || point == SEAM_COPIED) && !tl_in_handler) {
        atomic_fetch_add(&died, 1);
        atomic_store(&tl_self->ended, true);
        pthread_exit(NULL);
    } else if (dice < 200 && !tl_in_handler) {
        raise(SIGUSR1);
    } else if (point == SEAM_HOLE_SEEN) {
        /* Holes are few, and the reader shall come and go meanwhile. */
        struct timespec moment = {0, (long)random_below(1000) * 1000};
        nanosleep(&moment, NULL);
    } else if (dice < 2000) {
        sched_yield();
    }
}

/* ---- writers ---- */

static void write_one(unsigned handler)
{
    static _Thread_local struct record tl_records[2]; /* a handler's is its own */
    struct record *record = &tl_records[handler];
    record->source = tl_self->id + handler * WRITERS_MAX;
    record->number = atomic_load_explicit(&tl_self->number[handler], memory_order_relaxed);
    /* Mostly like spans, sometimes as short or as long as they get. */
    uint64_t body = random_below(8) ? 60 + random_below(60) : random_below(RECORD_WORDS_MAX);
    record->words = HEAD_WORDS + body;
    for (uint64_t i = 0; i < body; i++)
        record->body[i] = record->number * 1000003 + i;
    record->sum = sum_of(record);
    /* Before the write, so that a number is not used twice when the writer dies inside. */
    atomic_store_explicit(&tl_self->number[handler], record->number + 1, memory_order_relaxed);
    while (!ring_write(ring, record, (uint32_t)record->words * 8)) {
        atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
        if (handler || atomic_load(&stopping)) {
            /* A handler can't wait. It never went in: take the number back. */
            atomic_store_explicit(&tl_self->number[handler], record->number, memory_order_relaxed);
            return;
        }
        sched_yield();
    }
    atomic_fetch_add_explicit(&accepted, 1, memory_order_relaxed);
}

static void handle(int number)
{
    (void)number;
    tl_in_handler = true;
    atomic_fetch_add(&interrupted, 1);
    write_one(1);
    tl_in_handler = false;
}

static void *write_many(void *argument)
{
    tl_self = argument;
    tl_random += (uint64_t)tl_self->id * 0x9e3779b97f4a7c15u + clock_monotonic_ns();
    while (!atomic_load(&stopping))
        write_one(0);
    return NULL;
}

static void start(struct writer *writer)
{
    atomic_store(&writer->ended, false);
    if (pthread_create(&writer->thread, NULL, write_many, writer) != 0)
        fail("no thread", writer->id, 0);
}

static void replace_the_dead(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (atomic_load(&writers[i].ended)) {
            pthread_join(writers[i].thread, NULL);
            start(&writers[i]);
        }
}

/* ---- the reader ---- */

static uint64_t expected[SOURCES]; /* number of the next record of each source */
static uint64_t received;
static uint64_t missing;

static void check(const struct record *record, uint32_t length)
{
    if (record->source >= SOURCES)
        fail("a record of nobody", record->source, length);
    if (length != record->words * 8 || record->words < HEAD_WORDS)
        fail("a wrong length", length, record->words * 8);
    if (record->sum != sum_of(record))
        fail("a spoilt record", record->source, record->number);
    if (record->number < expected[record->source])
        fail("a record twice or out of order", record->number, expected[record->source]);
    missing += record->number - expected[record->source];
    expected[record->source] = record->number + 1;
    received++;
}

static bool read_one(void)
{
    static union {
        struct record record;
        unsigned char bytes[RING_RECORD_BYTES_MAX];
    } into;
    uint32_t length = ring_read(ring, &into, sizeof into);
    if (length)
        check(&into.record, length);
    return length != 0;
}

static void check_accounts(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned handler = 0; handler < 2; handler++)
            missing +=
                atomic_load(&writers[i].number[handler]) - expected[i + handler * WRITERS_MAX];
    uint64_t entered = atomic_load(&accepted) + atomic_load(&died);
    uint64_t abandoned = ring_abandoned(ring);
    printf("%llu records: %llu read, %llu abandoned; %llu refusals, %llu deaths, %llu naps, "
           "%llu interrupts\n",
           (unsigned long long)entered, (unsigned long long)received, (unsigned long long)abandoned,
           (unsigned long long)atomic_load(&refused), (unsigned long long)atomic_load(&died),
           (unsigned long long)atomic_load(&slept), (unsigned long long)atomic_load(&interrupted));
    if (received == 0)
        fail("nothing was read", 0, 0);
    if (received + abandoned != entered)
        fail("the accounts differ", received + abandoned, entered);
    if (missing != abandoned)
        fail("missing is not abandoned", missing, abandoned);
    if (ring_written(ring) != received || ring_pending(ring) != 0)
        fail("the ring's own accounts differ", ring_written(ring), received);
    if (!troubled && abandoned)
        fail("abandoned without a cause", abandoned, 0);
}

int main(int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[1], "steady") != 0 && strcmp(argv[1], "troubled") != 0)) {
        fprintf(stderr, "usage: ring_stress steady|troubled [SECONDS [WRITERS]]\n");
        return 2;
    }
    troubled = strcmp(argv[1], "troubled") == 0;
    faster = troubled ? 20 : 1;
    unsigned seconds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2;
    unsigned count = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 8;
    if (count < 1 || count > WRITERS_MAX)
        return 2;

    /* Small, so that it goes round often and fills up. */
    size_t bytes = (ring_bytes(1024 * (size_t)PAYLOAD_BYTES) + 4095) / 4096 * 4096;
    void *memory = aligned_alloc(4096, bytes);
    if (!memory)
        return 1;
    memset(memory, 0, bytes);
    ring = ring_init(memory, bytes);
    ring_set_limit(ring, 100);

    alarm(seconds + 100); /* a ring that got stuck ends the program */
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    for (unsigned i = 0; i < count; i++) {
        writers[i].id = i;
        start(&writers[i]);
    }
    uint64_t end = clock_monotonic_ns() + seconds * UINT64_C(1000000000);
    while (clock_monotonic_ns() < end) {
        if (!read_one())
            sched_yield();
        replace_the_dead(count);
    }
    atomic_store(&stopping, true);
    for (unsigned i = 0; i < count; i++)
        pthread_join(writers[i].thread, NULL);
    while (read_one() || ring_pending(ring) != 0)
        ;
    check_accounts(count);
    free(memory);
    return 0;
}
