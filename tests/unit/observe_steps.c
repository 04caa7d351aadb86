// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/observe_steps.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/connection.h"
#include "agent/context.h"
#include "agent/counters.h"
#include "agent/exchange.h"
#include "agent/life.h"
#include "agent/observe.h"

#define FIRST_FD  STEPS_FIRST_FD
#define LISTENER  6
#define OTHER_END 7
#define LONG_HEAD 70000

struct model model;
static char bytes[LONG_HEAD];

/* ---- what came out ---- */

static void read_spans(void)
{
    static _Alignas(8) unsigned char record[RING_RECORD_BYTES_MAX];
    while (agent.region.ring && ring_read(agent.region.ring, record, sizeof record))
        demand(model_check_span(&model, (struct span_record *)record));
}

void steps_settle_accounts(void)
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
void steps_check_context(const struct step *step, int before, bool doubt, bool surely)
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
    steps_receive(&whole);
    model_answer(&model, talk, step->choice + 2);
    steps_send_now(&whole);
}

static void ask_often(const struct step *step)
{
    uint8_t all[STEP_BYTES] = {0, 0, 0, 1, 5, 5};
    struct step whole = {all, step->thread, step->fd};
    for (unsigned i = 0; i < step->choice[2] % 80u; i++) {
        struct talk *talk = model_talk(&model, step->fd);
        if (!talk || talk->role == ROLE_CLIENT || !model_ask(&model, talk, step->choice + 2))
            return;
        steps_receive(&whole);
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
    steps_check_context(step, before, true, false);
}

/* A simulated child: what the parent had is the parent's. */
static void fork_now(const struct step *step)
{
    for (int i = 0; i < MODEL_THREADS; i++) {
        struct step other = {step->choice, i, step->fd};
        on_thread(steps_end_sends, &other);
    }
    steps_settle_accounts();
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
    steps_check_context(step, MODEL_NOBODY, false, false);
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
    steps_check_context(step, before, false, false);
}

static void read_now(const struct step *step)
{
    (void)step;
    if (agent.config.max_queue_size != STEPS_SMALL_QUEUE)
        read_spans();
}

const struct step_kind step_kinds[] = {
    {"exchange", exchange},
    {"exchange", exchange},
    {"accept", accept_one},
    {"ask or answer", converse},
    {"receive", steps_receive},
    {"ask or answer", converse},
    {"send", steps_send_now},
    {"receive", steps_receive},
    {"send", steps_send_now},
    {"connect", connect_one},
    {"client's span", make_client_span},
    {"read", read_now},
    {"close", close_one},
    {"duplicate", duplicate},
    {"begin send", steps_begin_send},
    {"end send", steps_end_sends},
    {"wait", wait_for_events},
    {"poll", poll_some},
    {"shutdown", steps_shut_down},
    {"listen", listen_one},
    {"make pair", make_pair},
    {"make", make_one},
    {"close range", close_range_of},
    {"fork", fork_now},
    {"trouble", make_trouble},
    {"ask often", ask_often},
};

unsigned step_kind(const uint8_t *choice)
{
    return (choice[0] & 0x3fu) % (sizeof step_kinds / sizeof *step_kinds);
}

struct step step_of(const uint8_t *choice)
{
    struct step step = {choice, (choice[1] >> 4) % MODEL_THREADS, choice[1] % MODEL_FDS};
    if (step_kinds[step_kind(choice)].act == fork_now)
        step.thread = 0; /* which gives the others their turns */
    return step;
}

void steps_close_all(void)
{
    for (int fd = 0; fd < MODEL_FDS; fd++)
        close_one(&(struct step){NULL, 0, fd});
    observe_closing(OTHER_END);
}
