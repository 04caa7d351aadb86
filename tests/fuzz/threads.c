// SPDX-License-Identifier: Apache-2.0
/* Threads of a server that share its descriptors take turns between any two of the agent's steps
 * (turns.h), as the input says: they accept, read, answer, duplicate, close and jump away from the
 * same few numbers. Each request whose head was read comes out as one span, with its own parent; a
 * thread that has read works for what came on that connection, or for nobody; a call is the child
 * of a request that its own thread has read; and afterwards nothing is left.
 *
 * What bytes mean where one thread is at work at a time is observe.c's question. What the processor
 * may reorder is stress.observe's, under ThreadSanitizer.
 *
 * Input: a byte of settings, then steps of three bytes: the thread and for how many turns; what it
 * does next, if it is idle; with which descriptor. */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "agent/base/counters.h"
#include "agent/describe/describe.h"
#include "agent/life/agent.h"
#include "agent/net/connection.h"
#include "agent/observe/observe.h"
#include "agent/queue/queue.h"
#include "agent/work/context.h"
#include "agent/work/evidence.h"
#include "agent/work/exchange.h"
#include "agent/work/work.h"
#include "tests/fuzz/open_agent.h"
#include "tests/fuzz/talks.h"
#include "tests/fuzz/turns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    THREADS = 3,
    FDS = 4,
    FIRST_FD = 900,
    LISTENER = 890,
    LOOP = 891,
    SPARE_FD = 1000,
    CONNECTIONS_MAX = 200, /* more are never open at a time */
    REQUESTS_MAX = 250,    /* a number fits a byte */
    JUMPS_MAX = 6,         /* connection.c remembers so many that wait for who jumped, and more */
    SLOTS = 512,           /* more requests are never open at a time */
    STEP_BYTES = 3,
    ENDLESS = 1000000, /* turns that no call takes */
    OPEN = 0,
    CLOSE = 4,
    FORGET = 255 /* all that an earlier input left */
};

static void fail(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

/* ---- threads that take turns ---- */

static struct thread {
    sem_t turn;
    sem_t done;
    unsigned turns;
    bool at_work;
    uint8_t what;
    int fd;
} threads[THREADS];

static _Thread_local struct thread *tl_self;

static void rest(void)
{
    sem_post(&tl_self->done);
    while (sem_wait(&tl_self->turn) != 0)
        ;
}

void turn(void)
{
    if (tl_self && --tl_self->turns == 0)
        rest();
}

static void act(struct thread *self);

static void *live(void *thread)
{
    tl_self = thread;
    while (sem_wait(&tl_self->turn) != 0)
        ;
    for (;;) {
        act(tl_self);
        tl_self->at_work = false;
        rest();
    }
    return NULL;
}

static void resume(struct thread *thread, unsigned turns)
{
    thread->at_work = true;
    thread->turns = turns;
    sem_post(&thread->turn);
    while (sem_wait(&thread->done) != 0)
        ;
}

/* ---- what they do ---- */

static struct history histories[FDS];
static int talk_count;
static int jumps;
static bool tunnels;
static bool cut; /* some requests came in two parts, and those of two may have been mixed */

static struct {
    struct talks talks;
    const struct thread *reader;
    bool reported;
} requests[REQUESTS_MAX];
static int request_count;

/* What a client's connection brings may be anybody's. */
static void open_one(int fd, bool client)
{
    struct accepting accepting;
    change_begins(&histories[fd], client ? ANY_TALK : ++talk_count);
    if (client) {
        observe_connected(FIRST_FD + fd, NULL, 0, 0);
    } else {
        observe_accepting(&accepting, NULL, NULL);
        accepting.own_length = 0;
        observe_accepted(&accepting, LISTENER, FIRST_FD + fd);
    }
    change_ends(&histories[fd]);
}

static void duplicate(int from, int to)
{
    change_begins(&histories[to], ANY_TALK);
    observe_duplicated(FIRST_FD + from, FIRST_FD + to);
    change_ends(&histories[to]);
}

/* -1 where it is not of a request as receive() writes them. */
static int number_of(const uint8_t trace_id[16])
{
    static const uint8_t ours[15] = {0xa0};
    return memcmp(trace_id, ours, sizeof ours) == 0 ? trace_id[15] - 1 : -1;
}

/* Statuses from 210 and 510 on. */
enum { TAG_FIRST = 10, TAGS = 80, TAG_ANY = TAGS };
static bool meant_for_any[TAGS];

static void check_context(const struct context *before, const struct talks *talks)
{
    const struct span_context *span = &context_current()->span;
    if (!span_context_present(span) || memcmp(span, &before->span, sizeof *span) == 0)
        return;
    int number = number_of(span->trace_id);
    if (number < 0) /* two heads that ran into each other have no parent */
        return;
    if (number >= request_count)
        fail("a thread that works for what nobody asked");
    if (!talks_meet(talks, &requests[number].talks))
        fail("a thread that works for another connection's request");
}

static int body_bytes(int number)
{
    return number % 3 ? 0 : 1 + number % 9;
}

static size_t write_request(char *text, size_t room, int number)
{
    unsigned id = (unsigned)number + 1;
    int body = body_bytes(number);
    size_t length = (size_t)snprintf(text, room,
                                     "POST /r/%d HTTP/1.1\r\nHost: a\r\n%straceparent: "
                                     "00-a00000000000000000000000000000%02x-b0000000000000%02x-01"
                                     "\r\n\r\n",
                                     number, body ? "Transfer-Encoding: chunked\r\n" : "", id, id);
    if (body)
        length += (size_t)snprintf(text + length, room - length, "%d\r\n%.*s\r\n0\r\n\r\n", body,
                                   body, "xxxxxxxxx");
    return length;
}

/* One request, whole, in two parts, or two at once. */
static void receive(int fd, int count, size_t first)
{
    char text[512];
    size_t length = 0;
    struct context before = *context_current();
    int settled = histories[fd].settled;
    int from = request_count;
    for (int i = 0; i < count && request_count < REQUESTS_MAX; i++)
        length += write_request(text + length, sizeof text - length, request_count++);
    if (first > length)
        first = length;
    cut |= first > 0 && first < length;
    int to = request_count;           /* others go on counting */
    for (int i = from; i < to; i++) { /* until that is known */
        requests[i].talks = (struct talks){{ANY_TALK}, 1};
        requests[i].reader = tl_self;
    }
    observe_received(FIRST_FD + fd, text, (ssize_t)first, 0);
    observe_received(FIRST_FD + fd, text + first, (ssize_t)(length - first), 0);
    struct talks talks = talks_since(&histories[fd], settled);
    for (int i = from; i < to; i++)
        requests[i].talks = talks;
    check_context(&before, &talks);
}

static void send_text(int fd, const char *text, size_t length)
{
    struct sending sending = observe_sending(FIRST_FD + fd);
    turn(); /* in the kernel */
    observe_sent(&sending, text, (ssize_t)length, 0);
}

/* Its status tells for which connection it is meant, as far as that is known. */
static void answer(int fd, int hundreds, const char *body, size_t first)
{
    char text[64];
    int count = histories[fd].count;
    int talk = talk_now(&histories[fd]);
    int tag = talk > 0 ? talk % TAGS : TAG_ANY;
    size_t length =
        (size_t)snprintf(text, sizeof text, "HTTP/1.1 %d OK\r\nContent-Length: %zu\r\n\r\n%s",
                         hundreds + TAG_FIRST + tag, strlen(body), body);
    if (first)
        send_text(fd, text, first);
    send_text(fd, text + first, length - first);
    if (tag != TAG_ANY && histories[fd].count != count)
        meant_for_any[tag] = true;
}

static void check_status(int status, const struct talks *talks)
{
    int tag = status % 100 - TAG_FIRST;
    if (status < 0 || tag < 0 || tag == TAG_ANY || meant_for_any[tag])
        return;
    for (int i = 0; i < talks->count; i++)
        if (talks->list[i] == ANY_TALK || (talks->list[i] > 0 && talks->list[i] % TAGS == tag))
            return;
    fail("another connection's answer");
}

/* A signal handler jumps out of the send. */
static void jump_away(int fd)
{
    if (jumps == JUMPS_MAX)
        return;
    jumps++;
    struct sending sending = observe_sending(FIRST_FD + fd);
    (void)sending;
}

static void call(void)
{
    struct span_context self, parent;
    work_call();
    context_begin_span(&self, &parent);
    int number = span_context_present(&parent) ? number_of(parent.trace_id) : -1;
    if (number >= 0 && number < request_count && requests[number].reader != tl_self && !cut)
        fail("a call for what another thread has read");
}

static void act(struct thread *self)
{
    static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n";
    int fd = self->fd % FDS;
    int other = self->fd / FDS % FDS;
    size_t first = self->fd & 128 ? (size_t)self->fd & 127 : 0;
    switch (self->what == FORGET ? FORGET : self->what % 22) {
    case FORGET:
        evidence_reset();
        work_reset();
        break;
    case 0:
    case 1:
    case 2:
        open_one(fd, false);
        break;
    case 3:
        open_one(fd, true);
        break;
    case 4:
    case 5:
        observe_closing(FIRST_FD + fd);
        break;
    case 6:
        if (fd != other)
            duplicate(fd, other);
        break;
    case 7:
        jump_away(fd);
        break;
    case 8:
        observe_shut_down(FIRST_FD + fd, SHUT_WR, 0, observe_shutting_down(FIRST_FD + fd));
        break;
    case 9:
        observe_waited(LOOP);
        break;
    case 10:
        if (tunnels)
            send_text(fd, upgrade, sizeof upgrade - 1);
        break;
    case 11:
        observe_received(FIRST_FD + fd, "\1\2", 2, 0);
        break;
    case 12:
    case 13:
        receive(fd, 1, first);
        break;
    case 14:
        receive(fd, 2, first);
        break;
    case 15:
    case 16:
        answer(fd, 500, "", 0);
        break;
    case 17:
        answer(fd, 200, "ok", 20);
        break;
    case 18:
    case 19:
        call();
        break;
    default:
        receive(fd, 1, 0);
        answer(fd, 500, "", 0);
    }
}

/* ---- what came out ---- */

static uint64_t reported;

static void check_span(const struct span_record *record)
{
    int number = number_of(record->trace_id);
    reported++;
    if (number < 0 || number >= request_count)
        return; /* cut in two, its head may have come to an end on another connection */
    if (requests[number].reported)
        fail("a request's second span");
    requests[number].reported = true;
    if ((record->parent_id[0] != 0xb0 || record->parent_id[7] != number + 1) && !cut)
        fail("another parent");
    int64_t body = 0; /* less than all, where the connection ended before */
    span_find_integer(record, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE, &body);
    if (body > body_bytes(number) && !cut)
        fail("another request's body");
    int64_t status = -1;
    span_find_integer(record, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, &status);
    check_status((int)status, &requests[number].talks);
}

static void read_spans(void)
{
    static _Alignas(8) unsigned char record[RING_RECORD_BYTES_MAX];
    static _Alignas(8) unsigned char words[DESCRIBE_BYTES(RING_RECORD_BYTES_MAX)];
    while (queue.region.ring && ring_read(queue.region.ring, record, sizeof record))
        check_span(describe((const struct span_record *)(const void *)record, words, sizeof words));
}

/* Requests that ever began. */
static uint64_t begun(void)
{
    uint64_t sum = 0;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        sum += (atomic_load(&exchange_at(slot)->generation) + 1) / 2;
    return sum;
}

static void settle_accounts(uint64_t begun_before)
{
    read_spans();
    uint64_t ended = counters_get(&counters.spans_ended);
    uint64_t kept = ended + counters_get(&counters.dropped_exchanges);
    uint64_t began = begun() - begun_before;
    if (ended != reported + counters_get(&counters.dropped_queue_full))
        fail("spans that are not accounted for");
    if (kept > began || (kept < began && !tunnels))
        fail("requests that did not end once");
}

/* The highest index of that many connections, of their heads' buffers too. */
static uint32_t have(uint32_t count)
{
    uint32_t highest = 0;
    bool had[CONNECTIONS_MAX] = {false};
    for (uint32_t i = 0; i < count; i++) {
        int fd = SPARE_FD + (int)i;
        connection_open(fd, CONNECTION_SERVER, NULL, 0);
        observe_received(fd, "GET /", 5, 0);
        const struct connection *connection = connection_of(fd);
        uint32_t buffer = connection->flow.side[SIDE_IN].place.buffer;
        if (connection->index < CONNECTIONS_MAX && had[connection->index])
            fail("a connection that was given back twice");
        if (connection->index < CONNECTIONS_MAX)
            had[connection->index] = true;
        uint32_t index = connection->index > buffer ? connection->index : buffer;
        highest = index > highest ? index : highest;
    }
    connection_release_range(SPARE_FD, SPARE_FD + count - 1);
    return highest;
}

static void nothing_is_left(void)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (atomic_load(&exchange_at(slot)->generation) % 2)
            fail("a request that was not given back");
    connection_release(LISTENER);
    connection_release(LOOP);
    /* Those that ever were are all free: as many as that are had without a new one. */
    static uint32_t had = FDS;
    for (uint32_t highest; had <= CONNECTIONS_MAX && (highest = have(had)) >= had;)
        had = highest + 1;
    if (had > CONNECTIONS_MAX)
        fail("a connection, or a head's buffer, that was not given back");
}

/* ---- all of it ---- */

static void begin(void)
{
    open_agent();
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        sem_init(&threads[i].turn, 0, 0);
        sem_init(&threads[i].done, 0, 0);
        if (pthread_create(&thread, NULL, live, &threads[i]) != 0)
            abort();
    }
}

static void come_home(struct thread *thread)
{
    for (int i = 0; i < 10 && thread->at_work; i++)
        for (int j = 0; j < THREADS; j++) /* it may wait for another */
            if (threads[j].at_work)
                resume(&threads[j], ENDLESS);
    if (thread->at_work)
        fail("a call that does not return");
}

static void do_at_once(struct thread *thread, uint8_t what, int fd)
{
    thread->what = what;
    thread->fd = fd;
    resume(thread, ENDLESS);
    come_home(thread);
}

static void play(const uint8_t step[STEP_BYTES])
{
    struct thread *thread = &threads[step[0] % THREADS];
    unsigned turns = 1 + step[0] / THREADS;
    if (!thread->at_work) {
        thread->what = step[1];
        thread->fd = step[2];
    }
    resume(thread, turns > 80 ? ENDLESS : turns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool opened;
    if (!opened)
        begin();
    opened = true;
    if (size < 1)
        return 0;
    memset(&counters, 0, sizeof counters);
    for (int fd = 0; fd < FDS; fd++)
        history_begin(&histories[fd]);
    memset(requests, 0, sizeof requests);
    memset(meant_for_any, 0, sizeof meant_for_any);
    talk_count = jumps = request_count = 0;
    reported = 0;
    tunnels = data[0] & 1;
    cut = false;
    uint64_t begun_before = begun();
    observe_listened(LISTENER, 0);
    observe_registered(LOOP, EPOLL_CTL_ADD, LISTENER);
    for (int i = 0; i < THREADS; i++)
        do_at_once(&threads[i], FORGET, 0);

    for (size_t i = 1; i + STEP_BYTES <= size; i += STEP_BYTES)
        play(data + i);
    for (int i = 0; i < THREADS; i++)
        come_home(&threads[i]);
    for (int fd = 0; fd < FDS; fd++)
        do_at_once(&threads[0], CLOSE, fd);
    for (int i = 0; i < THREADS; i++) { /* what waits for who jumped away from it */
        do_at_once(&threads[i], OPEN, 0);
        do_at_once(&threads[i], CLOSE, 0);
    }
    settle_accounts(begun_before);
    nothing_is_left();
    return 0;
}
