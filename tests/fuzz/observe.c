// SPDX-License-Identifier: Apache-2.0
/* A server's calls in any order: descriptors come and go, bytes move in pieces of any size by any
 * call, threads take turns, the process forks; and the agent says what the model
 * (tests/unit/observe_model.h) says. Afterwards nothing is left: no request, no connection, no
 * buffer, no span that is not accounted for.
 *
 * Input: a byte of settings, then steps of six bytes: what, thread and descriptor, four of detail.
 * Threads are real ones, of which one at a time is at work. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/connection.h"
#include "agent/context.h"
#include "agent/counters.h"
#include "agent/exchange.h"
#include "agent/life.h"
#include "agent/observe.h"
#include "tests/unit/observe_model.h"

#define FIRST_FD    900
#define LISTENER    6
#define OTHER_END   7
#define STEP_BYTES  6
#define SMALL_QUEUE 4
#define LONG_HEAD   70000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct step {
    const uint8_t *choice;
    int thread;
    int fd; /* of the model: 0.. */
};

static struct model model;
static char bytes[MODEL_CELLS + LONG_HEAD];
static const uint8_t *played; /* steps so far, for a failure's report */
static size_t played_bytes;

static struct sending sendings[MODEL_TALKS];
static size_t sending_count[MODEL_TALKS];

static void print_step(const uint8_t *choice);

static void demand(const char *wrong)
{
    if (!wrong)
        return;
    for (size_t i = 0; i + STEP_BYTES <= played_bytes; i += STEP_BYTES)
        print_step(played + i);
    (void)fprintf(stderr, "%s\n", wrong);
    abort();
}

/* ---- threads that take turns ---- */

static struct {
    sem_t turn;
    sem_t done;
    void (*act)(const struct step *);
    const struct step *step;
} workers[MODEL_THREADS];

static void *work(void *number)
{
    for (;;) {
        int i = (int)(intptr_t)number;
        while (sem_wait(&workers[i].turn) != 0)
            ;
        workers[i].act(workers[i].step);
        sem_post(&workers[i].done);
    }
    return NULL;
}

static void on_thread(void (*act)(const struct step *), const struct step *step)
{
    if (step->thread == 0) {
        act(step);
        return;
    }
    workers[step->thread].act = act;
    workers[step->thread].step = step;
    sem_post(&workers[step->thread].turn);
    while (sem_wait(&workers[step->thread].done) != 0)
        ;
}

/* ---- what came out ---- */

static void read_spans(void)
{
    static _Alignas(8) unsigned char record[RING_RECORD_BYTES_MAX];
    while (agent.region.ring && ring_read(agent.region.ring, record, sizeof record))
        demand(model_check_span(&model, (struct span_record *)record));
}

/* The accounts of this process, at the end or before it is another one. */
static void settle_accounts(void)
{
    read_spans();
    uint64_t dropped = counters_get(&counters.dropped_queue_full);
    if (counters_get(&counters.spans_ended) != model.reported + dropped)
        demand("spans that are not accounted for");
    if (counters_get(&counters.connections_opaque) > model.chaos)
        demand("a connection that was lost for no reason");
    if (counters_get(&counters.dropped_exchanges) > model.overflowed + 64 * model.chaos)
        demand("a request that was dropped for no reason");
}

static bool is_of(int number, const struct context *context)
{
    return number != MODEL_NOBODY && model.requests[number].known &&
           memcmp(model.requests[number].span_id, context->span.span_id, 8) == 0;
}

/* Whose the context is, as far as that was told. */
static int owner_of(const struct context *context)
{
    for (int i = 0; i < model.request_count; i++)
        if (is_of(i, context))
            return i;
    return MODEL_NOBODY;
}

/* The model says what a thread works for. Where it is in doubt, what it was before will do, too, or
 * another request of the same connection. */
static void check_context(const struct step *step, int before, bool doubt, bool surely)
{
    const struct context *context = context_current();
    int expected = model.threads[step->thread].owner;
    if (doubt && is_of(before, context))
        expected = before;
    else if (doubt && span_context_present(&context->span) && !is_of(expected, context)) {
        int owner = owner_of(context);
        if (owner != MODEL_NOBODY && model.requests[owner].talk != model.talk_of[step->fd])
            demand("a thread that works for another connection's request");
        context_clear();
        expected = MODEL_NOBODY;
    }
    demand(model_check_context(&model, step->thread, context, expected, surely && !doubt));
}

/* ---- descriptors ---- */

static void accept_one(const struct step *step)
{
    struct accepting accepting;
    if (!model_open(&model, step->fd, ROLE_SERVER, step->thread))
        return;
    observe_accepting(&accepting, NULL, NULL);
    accepting.own_length = 0;
    observe_accepted(&accepting, LISTENER, FIRST_FD + step->fd);
}

static void connect_one(const struct step *step)
{
    if (model_open(&model, step->fd, ROLE_CLIENT, step->thread))
        observe_connected(FIRST_FD + step->fd, NULL, 0, 0);
}

static void listen_one(const struct step *step)
{
    if (model_open(&model, step->fd, ROLE_LISTENER, step->thread))
        observe_listened(FIRST_FD + step->fd, 0);
}

/* Its first bytes say what it is. The other end is never heard of. */
static void make_pair(const struct step *step)
{
    int pair[2] = {FIRST_FD + step->fd, OTHER_END};
    if (model_open(&model, step->fd, ROLE_UNKNOWN, step->thread))
        observe_paired(pair, 0);
}

static void duplicate(const struct step *step)
{
    int to = step->choice[2] % MODEL_FDS;
    model_share(&model, step->fd, to);
    observe_duplicated(FIRST_FD + step->fd, FIRST_FD + to);
}

static void close_one(const struct step *step)
{
    model_close(&model, step->fd);
    observe_closing(FIRST_FD + step->fd);
}

static void close_range_of(const struct step *step)
{
    int last = step->fd + step->choice[2] % 3;
    for (int fd = step->fd; fd <= last && fd < MODEL_FDS; fd++)
        model_close(&model, fd);
    observe_closing_range((unsigned)(FIRST_FD + step->fd), (unsigned)(FIRST_FD + last));
}

static void make_one(const struct step *step)
{
    model_close(&model, step->fd);
    observe_created(FIRST_FD + step->fd);
}

/* ---- bytes ---- */

/* How many cells a step moves: few, half, or all there are. */
static size_t how_many(const struct step *step, const struct stream *stream)
{
    size_t left = stream->written - stream->moved;
    size_t wanted = step->choice[3] & 1 ? left : step->choice[2];
    if (step->choice[3] & 2)
        wanted = left / 2;
    return wanted < left ? wanted : left;
}

static bool anything_will_do(const struct stream *stream, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(stream->cells[stream->moved + i].marks & CELL_ANYTHING) ||
            stream->cells[stream->moved + i].request != stream->cells[stream->moved].request)
            return false;
    return true;
}

static void copy_cells(const struct stream *stream, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = stream->cells[stream->moved + i].byte;
}

/* Three parts, an empty one among them. */
static void split(struct iovec parts[4], const struct step *step, size_t count)
{
    size_t first = count * (step->choice[4] & 15u) / 16;
    parts[0] = (struct iovec){bytes, first};
    parts[1] = (struct iovec){NULL, 0};
    parts[2] = (struct iovec){bytes + first, (count - first) / 2};
    parts[3] = (struct iovec){bytes + first + parts[2].iov_len, count - first - parts[2].iov_len};
}

/* Returns how many of the bytes came in a call, or message, of their own before the others. */
static size_t hand_in(const struct step *step, size_t count, bool anything)
{
    int fd = FIRST_FD + step->fd;
    struct iovec parts[4];
    struct mmsghdr messages[2] = {{{.msg_iov = parts, .msg_iovlen = 3}, 0},
                                  {{.msg_iov = parts + 3, .msg_iovlen = 1}, 0}};
    split(parts, step, count);
    switch (step->choice[5] % 6) {
    case 0:
        observe_received_vector(fd, parts, 4, (ssize_t)count);
        return 0;
    case 1:
        observe_received_message(fd, &(struct msghdr){.msg_iov = parts, .msg_iovlen = 4},
                                 (ssize_t)count, 0);
        return 0;
    case 2:
        messages[0].msg_len = (unsigned)(count - parts[3].iov_len);
        messages[1].msg_len = (unsigned)parts[3].iov_len;
        observe_received_messages(fd, messages, 2, 0);
        return messages[0].msg_len;
    case 3:
        observe_received(fd, bytes, (ssize_t)count, MSG_PEEK);
        observe_received(fd, "A", 1, MSG_OOB);
        observe_received(fd, bytes, -1, 0);
        break;
    case 4:
        if (anything) {
            observe_received_unseen(fd, (ssize_t)count);
            return 0;
        }
        break;
    default:
        break;
    }
    observe_received(fd, bytes, (ssize_t)count, 0);
    return 0;
}

static void receive(const struct step *step)
{
    struct talk *talk = model_talk(&model, step->fd);
    if (!talk || talk->role == ROLE_LISTENER || (talk->guessed && talk->sender != MODEL_NOBODY))
        return;
    int before = model.threads[step->thread].owner;
    size_t count = how_many(step, &talk->in);
    bool client = talk->role == ROLE_CLIENT;
    if (client)
        count = 3; /* nobody reads what comes */
    if (!count)
        return;
    bool anything = client || anything_will_do(&talk->in, count);
    bool doubt = talk->lost || talk->guessed;
    if (!client)
        copy_cells(&talk->in, count);
    size_t before_others = hand_in(step, count, anything);
    if (before_others && before_others < count)
        model_received(&model, talk, step->thread, client ? 0 : before_others);
    else
        before_others = 0;
    model_received(&model, talk, step->thread, client ? 0 : count - before_others);
    check_context(step, before, doubt || talk->lost, true);
}

static void hand_out(const struct step *step, struct sending *sending, size_t count, bool anything)
{
    struct iovec parts[4];
    struct mmsghdr messages[2] = {{{.msg_iov = parts, .msg_iovlen = 3}, 0},
                                  {{.msg_iov = parts + 3, .msg_iovlen = 1}, 0}};
    split(parts, step, count);
    switch (step->choice[5] % 5) {
    case 0:
        observe_sent_vector(sending, parts, 4, (ssize_t)count);
        return;
    case 1:
        messages[0].msg_len = (unsigned)(count - parts[3].iov_len);
        messages[1].msg_len = (unsigned)parts[3].iov_len;
        observe_sent_messages(sending, messages, 2, 0);
        return;
    case 2:
        if (anything) {
            observe_sent_unseen(sending, (ssize_t)count);
            return;
        }
        break;
    default:
        break;
    }
    observe_sent(sending, bytes, (ssize_t)count, 0);
}

/* Begins; the rest may come steps later. */
static void begin_send(const struct step *step)
{
    struct talk *talk = model_talk(&model, step->fd);
    if (!talk || talk->role == ROLE_LISTENER || talk->ended || talk->sender != MODEL_NOBODY)
        return;
    size_t count = how_many(step, &talk->out);
    if (talk->role == ROLE_UNKNOWN || talk->role == ROLE_CLIENT)
        count = 10;
    if (!count)
        return;
    int number = (int)(talk - model.talks);
    model_sending(&model, talk, step->thread);
    sendings[number] = observe_sending(FIRST_FD + step->fd);
    sending_count[number] = count;
    talk->sender = step->thread;
}

static void end_send_of(const struct step *step, struct talk *talk)
{
    int before = model.threads[step->thread].owner;
    int number = (int)(talk - model.talks);
    size_t count = sending_count[number];
    bool client = talk->role == ROLE_CLIENT;
    if (client)
        memcpy(bytes, "GET / HTTP", count);
    else
        copy_cells(&talk->out, count);
    hand_out(step, &sendings[number], count, client || anything_will_do(&talk->out, count));
    model_sent(&model, talk, step->thread, count);
    model_send_left(&model, talk);
    check_context(step, before, talk->lost, false);
}

static void end_sends(const struct step *step)
{
    for (int i = 0; i < model.talk_count; i++)
        if (model.talks[i].sender == step->thread)
            end_send_of(step, &model.talks[i]);
}

static void send_now(const struct step *step)
{
    struct talk *talk = model_talk(&model, step->fd);
    if (!talk || talk->sender != MODEL_NOBODY)
        return;
    begin_send(step);
    if (talk->sender == step->thread)
        end_send_of(step, talk);
}

static void shut_down(const struct step *step)
{
    int fd = FIRST_FD + step->fd;
    struct talk *talk = model_talk(&model, step->fd);
    int before = model.threads[step->thread].owner;
    if (!talk || talk->sender != MODEL_NOBODY)
        return;
    observe_shut_down(fd, SHUT_RD, 0, observe_shutting_down(fd));
    observe_shut_down(fd, SHUT_WR, -1, observe_shutting_down(fd));
    observe_shut_down(fd, step->choice[2] & 1 ? SHUT_WR : SHUT_RDWR, 0, observe_shutting_down(fd));
    model_shut_down(&model, talk, step->thread);
    check_context(step, before, talk->lost, false);
}

static void converse(const struct step *step)
{
    struct talk *talk = model_talk(&model, step->fd);
    if (!talk || talk->role == ROLE_CLIENT || talk->role == ROLE_LISTENER)
        return;
    if (step->choice[0] & 0x40)
        model_ask(&model, talk, step->choice + 2);
    else
        model_answer(&model, talk, step->choice + 2);
}

/* A request and its answer, as most are. */
static void exchange(const struct step *step)
{
    uint8_t all[STEP_BYTES] = {0, 0, 0, 1, step->choice[4], step->choice[5]};
    struct step whole = {all, step->thread, step->fd};
    struct talk *talk = model_talk(&model, step->fd);
    if (!talk || talk->role == ROLE_CLIENT || talk->role == ROLE_LISTENER ||
        !model_ask(&model, talk, step->choice + 2))
        return;
    receive(&whole);
    model_answer(&model, talk, step->choice + 2);
    send_now(&whole);
}

static void ask_often(const struct step *step)
{
    uint8_t all[STEP_BYTES] = {0, 0, 0, 1, 5, 5};
    struct step whole = {all, step->thread, step->fd};
    for (unsigned i = 0; i < step->choice[2] % 80u; i++) {
        struct talk *talk = model_talk(&model, step->fd);
        if (!talk || talk->role == ROLE_CLIENT || !model_ask(&model, talk, step->choice + 2))
            return;
        receive(&whole);
    }
}

/* ---- trouble ---- */

/* What no server does, or what nobody could follow. */
static void make_trouble(const struct step *step)
{
    static const char garbage[] = "~\x16\x03~~\x01~";
    struct talk *talk = model_talk(&model, step->fd);
    int fd = FIRST_FD + step->fd;
    int before = model.threads[step->thread].owner;
    if (!talk || talk->role != ROLE_SERVER || talk->tunnel || talk->ended)
        return;
    size_t left = talk->in.written - talk->in.moved;
    struct sending sending;
    model_lose(&model, talk);
    switch (step->choice[2] % 4) {
    case 0:
        observe_received(fd, garbage, sizeof garbage - 1, 0);
        break;
    case 1:
        memset(bytes, 'x', LONG_HEAD);
        memcpy(bytes, "GET /~ HTTP/1.1\r\nX: ", 20);
        observe_received(fd, bytes, LONG_HEAD, 0);
        break;
    case 2:
        observe_received_unseen(fd, (ssize_t)(left ? left : 1));
        break;
    default:
        sending = observe_sending(fd);
        memcpy(bytes, garbage, sizeof garbage);
        observe_sent(&sending, bytes, sizeof garbage - 1, 0);
    }
    check_context(step, before, true, false);
}

/* A simulated child: what the parent had is the parent's. */
static void fork_now(const struct step *step)
{
    for (int i = 0; i < MODEL_THREADS; i++) {
        struct step other = {step->choice, i, step->fd};
        on_thread(end_sends, &other);
    }
    settle_accounts();
    model.unreported += counters_get(&counters.dropped_queue_full);
    uint64_t lost = model.unreported;
    atomic_store(life_mark, LIFE_WIPED);
    (void)agent_enter();
    model_forked(&model);
    model.unreported = lost;
}

/* ---- asking ---- */

static void check_line(void *number, struct slice name, struct slice value)
{
    int owner = *(int *)number;
    char expected[32] = "";
    if (slice_equal(name, SLICE_LITERAL("tracestate")))
        snprintf(expected, sizeof expected, "m=r%d", owner);
    else if (slice_equal(name, SLICE_LITERAL("baggage")))
        snprintf(expected, sizeof expected, "r=%d", owner);
    else
        return;
    if (!slice_equal(value, slice_of(expected)))
        demand("another request's words are passed on");
}

static void make_client_span(const struct step *step)
{
    struct span_context self, parent;
    int owner = model.threads[step->thread].owner;
    context_begin_span(&self, &parent);
    struct context context = {.span = parent};
    demand(model_check_context(&model, step->thread, &context, owner, false));
    if (span_context_present(&parent) && memcmp(self.trace_id, parent.trace_id, 16) != 0)
        demand("a child in another trace");
    context_propagate(&self, check_line, &owner);
}

static void wait_for_events(const struct step *step)
{
    int epfd = 30 + step->choice[2] % 2;
    observe_waited(epfd);
    model_waited(&model, step->thread, epfd);
    check_context(step, MODEL_NOBODY, false, false);
}

static bool listens(int fd)
{
    const struct talk *talk = model_talk(&model, fd);
    return talk && talk->role == ROLE_LISTENER;
}

static void poll_some(const struct step *step)
{
    int other = step->choice[2] % MODEL_FDS;
    struct pollfd waits[2] = {{.fd = FIRST_FD + step->fd}, {.fd = FIRST_FD + other}};
    int before = model.threads[step->thread].owner;
    observe_polled(waits, 2, 1);
    if (listens(step->fd) || listens(other))
        before = model.threads[step->thread].owner = MODEL_NOBODY;
    check_context(step, before, false, false);
}

static void read_now(const struct step *step)
{
    (void)step;
    if (agent.config.max_queue_size != SMALL_QUEUE)
        read_spans();
}

/* ---- all of it ---- */

static const struct {
    const char *name;
    void (*act)(const struct step *);
} kinds[] = {
    {"exchange", exchange},
    {"exchange", exchange},
    {"accept", accept_one},
    {"ask or answer", converse},
    {"receive", receive},
    {"ask or answer", converse},
    {"send", send_now},
    {"receive", receive},
    {"send", send_now},
    {"connect", connect_one},
    {"client's span", make_client_span},
    {"read", read_now},
    {"close", close_one},
    {"duplicate", duplicate},
    {"begin send", begin_send},
    {"end send", end_sends},
    {"wait", wait_for_events},
    {"poll", poll_some},
    {"shutdown", shut_down},
    {"listen", listen_one},
    {"make pair", make_pair},
    {"make", make_one},
    {"close range", close_range_of},
    {"fork", fork_now},
    {"trouble", make_trouble},
    {"ask often", ask_often},
};

static const char *variable(void *unused, const char *name)
{
    (void)unused;
    return strcmp(name, "OTEL_TRACES_EXPORTER") == 0 ? "otlp" : NULL;
}

static void open_agent(void)
{
    if (!config_parse(&agent.config, variable, NULL, NULL))
        abort();
    agent_open();
    if (!agent_prepare())
        abort();
    for (intptr_t i = 1; i < MODEL_THREADS; i++) {
        pthread_t thread;
        sem_init(&workers[i].turn, 0, 0);
        sem_init(&workers[i].done, 0, 0);
        if (pthread_create(&thread, NULL, work, (void *)i) != 0)
            abort();
    }
}

static void forget_thread(const struct step *step)
{
    (void)step;
    observe_waited(-1); /* as if it never had */
    context_request_read();
    context_clear();
}

/* The last things given back are the first ones taken again, so numbers stay low unless some were
 * kept. */
static void nothing_is_left(void)
{
    for (uint32_t slot = 0; slot < (uint32_t)model.request_count; slot++)
        if (atomic_load(&exchange_at(slot)->generation) % 2)
            demand("a request that was not given back");
    for (int fd = FIRST_FD; fd < FIRST_FD + MODEL_FDS; fd++) {
        connection_open(fd, CONNECTION_SERVER, NULL, 0);
        observe_received(fd, "GET /", 5, 0);
        const struct connection *connection = connection_of(fd);
        if (connection->index > 2 * MODEL_FDS + MODEL_TALKS / 2)
            demand("a connection that was not given back");
        if (connection->received.buffer > 4 * MODEL_FDS + MODEL_TALKS)
            demand("a head's buffer that was not given back");
    }
    connection_release_range(FIRST_FD, FIRST_FD + MODEL_FDS - 1);
}

static unsigned kind_of(const uint8_t *choice)
{
    return (choice[0] & 0x3fu) % (sizeof kinds / sizeof *kinds);
}

static struct step step_of(const uint8_t *choice)
{
    struct step step = {choice, (choice[1] >> 4) % MODEL_THREADS, choice[1] % MODEL_FDS};
    if (kinds[kind_of(choice)].act == fork_now)
        step.thread = 0; /* which gives the others their turns */
    return step;
}

static void print_step(const uint8_t *choice)
{
    struct step step = step_of(choice);
    (void)fprintf(stderr, "thread %d, descriptor %d: %s (%d %d %d %d)\n", step.thread, step.fd,
                  kinds[kind_of(choice)].name, choice[2], choice[3], choice[4], choice[5]);
}

static void play(const uint8_t *data, size_t size)
{
    played = data;
    for (played_bytes = STEP_BYTES; played_bytes <= size; played_bytes += STEP_BYTES) {
        const uint8_t *choice = data + played_bytes - STEP_BYTES;
        struct step step = step_of(choice);
        if (kinds[kind_of(choice)].act != begin_send)
            on_thread(end_sends, &step); /* inside a send a thread can do nothing else */
        on_thread(kinds[kind_of(choice)].act, &step);
    }
    played_bytes = size;
}

static void for_each_thread(void (*act)(const struct step *))
{
    static const uint8_t nothing[STEP_BYTES];
    for (int i = 0; i < MODEL_THREADS; i++)
        on_thread(act, &(struct step){nothing, i, 0});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool opened;
    if (!opened)
        open_agent();
    opened = true;
    if (size < 1)
        return 0;
    int64_t queue = data[0] & 1 ? SMALL_QUEUE : 2048;
    if (agent.config.max_queue_size != queue) {
        atomic_store(life_mark, LIFE_WIPED); /* another region */
        (void)agent_enter();
    }
    agent.config.max_queue_size = queue;
    model_reset(&model);
    memset(&counters, 0, sizeof counters);
    for_each_thread(forget_thread);

    play(data + 1, size - 1);
    for_each_thread(end_sends);
    for (int fd = 0; fd < MODEL_FDS; fd++)
        close_one(&(struct step){NULL, 0, fd});
    observe_closing(OTHER_END);
    settle_accounts();
    demand(model_check_end(&model, model.unreported + counters_get(&counters.dropped_queue_full)));
    nothing_is_left();
    return 0;
}
