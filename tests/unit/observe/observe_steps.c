// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/observe/observe_steps.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/counters.h"
#include "agent/describe/describe.h"
#include "agent/life/agent.h"
#include "agent/life/life.h"
#include "agent/net/connection.h"
#include "agent/observe/observe.h"
#include "agent/queue/queue.h"
#include "agent/work/context.h"
#include "agent/work/exchange.h"
#include "agent/work/propagate.h"
#include "agent/work/work.h"

#define FIRST_FD   STEPS_FIRST_FD
#define LISTENER   6
#define OTHER_END  7
#define LOOP       8
#define OTHER_LOOP 9
#define LONG_HEAD  70000

struct model model;
static char bytes[LONG_HEAD];

/* ---- what came out ---- */

static void read_spans(void)
{
    static _Alignas(8) unsigned char record[RING_RECORD_BYTES_MAX];
    static _Alignas(8) unsigned char words[DESCRIBE_BYTES(RING_RECORD_BYTES_MAX)];
    while (queue.region.ring && ring_read(queue.region.ring, record, sizeof record))
        demand(
            model_check_span(&model, describe((struct span_record *)record, words, sizeof words)));
}

void steps_settle_accounts(void)
{
    read_spans();
    uint64_t dropped = counters_get(&counters.dropped_queue_full);
    happened[HAPPENED_queue_full] += dropped != 0;
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
    /* What a thread has shown may have been shown on a connection that was lost. */
    doubt |= model.chaos != 0;
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

bool steps_in_doubt(const struct step *step)
{
    int owner = model.threads[step->thread].owner;
    return owner != MODEL_NOBODY && model.talks[model.requests[owner].talk].lost;
}

void steps_ask_thread(const struct step *step)
{
    if (!span_context_present(&context_current()->span))
        model.threads[step->thread].owner = MODEL_NOBODY;
}

/* ---- descriptors ---- */

static void accept_one(const struct step *step)
{
    struct accepting accepting;
    if (model.talk_count == MODEL_TALKS)
        return;
    model_goes_on(&model, step->thread);
    model.threads[step->thread].owner = MODEL_NOBODY;
    model_open(&model, step->fd, ROLE_SERVER, step->thread);
    happened[HAPPENED_accepted]++;
    observe_accepting(&accepting, NULL, NULL);
    accepting.own_length = 0;
    observe_accepted(&accepting, LISTENER, FIRST_FD + step->fd);
}

static void connect_one(const struct step *step)
{
    if (!model_open(&model, step->fd, ROLE_CLIENT, step->thread))
        return;
    happened[HAPPENED_connected]++;
    errno = step->choice[2] & 2 ? EINPROGRESS : EINTR;
    observe_connected(FIRST_FD + step->fd, NULL, 0, step->choice[2] & 1 ? 0 : -1);
}

static void listen_one(const struct step *step)
{
    if (!model_open(&model, step->fd, ROLE_LISTENER, step->thread))
        return;
    happened[HAPPENED_listened]++;
    observe_listened(FIRST_FD + step->fd, 0);
}

/* Its first bytes say what it is. The other end is never heard of. */
static void make_pair(const struct step *step)
{
    int pair[2] = {FIRST_FD + step->fd, OTHER_END};
    if (!model_open(&model, step->fd, ROLE_UNKNOWN, step->thread))
        return;
    happened[HAPPENED_paired]++;
    observe_paired(pair, 0);
}

/* ---- descriptors that pass between processes ---- */

static int passing[2]; /* one end of a connection over the network, and of one within the host */

static struct msghdr message_with(int fd, char control[CMSG_SPACE(sizeof(int))])
{
    static char byte = 'x';
    static struct iovec one_byte = {&byte, 1};
    struct msghdr message = {.msg_iov = &one_byte, .msg_iovlen = 1};
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof fd);
    memset(control, 0, CMSG_SPACE(sizeof fd));
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    return message;
}

/* It is a real one while the agent asks what it is. */
static void take_one(const struct step *step)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    int fd = FIRST_FD + step->fd;
    if (!model_open(&model, step->fd, ROLE_UNKNOWN, step->thread))
        return;
    happened[HAPPENED_came_from_elsewhere]++;
    if (dup2(passing[step->choice[2] & 1], fd) != fd)
        abort();
    struct msghdr message = message_with(fd, control);
    observe_received_message(OTHER_END, &message, 1, 0);
    close(fd);
}

static void hand_on(const struct step *step)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct talk *talk = model_talk(&model, step->fd);
    struct msghdr message = message_with(FIRST_FD + step->fd, control);
    struct sending sending = observe_sending(OTHER_END);
    if (step->choice[2] & 1) { /* refused */
        errno = EAGAIN;
        observe_sent_message(&sending, OTHER_END, &message, -1, 0);
        return;
    }
    observe_sent_message(&sending, OTHER_END, &message, 1, 0);
    if (!talk)
        return;
    talk->handed_on = true;
    happened[HAPPENED_handed_on]++;
}

/* Made by a call that nobody saw. */
static void use_a_strange_one(const struct step *step)
{
    static const char text[] = "GET /~ HTTP/1.1\r\n\r\n";
    int fd = FIRST_FD + step->fd;
    if (model_talk(&model, step->fd))
        return;
    happened[HAPPENED_strange_descriptor]++;
    observe_received(fd, text, sizeof text - 1, 0);
    struct sending sending = observe_sending(fd);
    observe_sent(&sending, text, sizeof text - 1, 0);
    steps_check_context(step, MODEL_NOBODY, false, false);
}

static int connect_to_itself(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
        connect(made, (struct sockaddr *)&address, length) != 0)
        abort();
    return made;
}

void steps_prepare(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    passing[0] = pair[0];
    passing[1] = connect_to_itself();
    observe_listened(LISTENER, 0);
    observe_registered(LOOP, EPOLL_CTL_ADD, LISTENER);
}

/* ---- descriptors that end ---- */

static void duplicate(const struct step *step)
{
    int to = step->choice[2] % MODEL_FDS;
    model_share(&model, step->fd, to, step->thread);
    observe_duplicated(FIRST_FD + step->fd, FIRST_FD + to);
}

static void close_one(const struct step *step)
{
    happened[HAPPENED_closed] += model_talk(&model, step->fd) != NULL;
    model_close(&model, step->fd, step->thread);
    observe_closing(FIRST_FD + step->fd);
}

static void close_range_of(const struct step *step)
{
    int last = step->fd + step->choice[2] % 3;
    for (int fd = step->fd; fd <= last && fd < MODEL_FDS; fd++) {
        happened[HAPPENED_closed_in_a_range] += model_talk(&model, fd) != NULL;
        model_close(&model, fd, step->thread);
    }
    observe_closing_range((unsigned)(FIRST_FD + step->fd), (unsigned)(FIRST_FD + last));
}

static void make_one(const struct step *step)
{
    happened[HAPPENED_made_over_an_open_one] += model_talk(&model, step->fd) != NULL;
    model_close(&model, step->fd, step->thread);
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
    unsigned trouble = step->choice[2] % 5;
    if (!talk || talk->role != ROLE_SERVER || talk->tunnel || talk->ended)
        return;
    if (trouble == 4 && (talk->sender == MODEL_NOBODY || talk->lost))
        return;
    size_t left = talk->in.written - talk->in.moved;
    struct sending sending;
    model_lose(&model, talk);
    happened[HAPPENED_garbage + trouble]++;
    switch (trouble) {
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
    case 4:
        sending = observe_sending(fd);
        if (sending.connection)
            demand("two threads in one direction");
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
    happened[HAPPENED_forked_as_a_child]++;
    model.unreported = lost;
}

static void fork_as_a_parent(const struct step *step)
{
    connection_forked();
    model_forked_parent(&model, step->thread);
}

/* exec() fails. */
static void fail_to_leave(const struct step *step)
{
    (void)step;
    observe_leaving();
    happened[HAPPENED_leaving_failed]++;
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
    work_call();
    context_begin_span(&self, &parent);
    struct thread_model *mine = &model.threads[step->thread];
    int before = mine->owner;
    int owner = model_call(&model, step->thread, true);
    bool surely = !model.chaos;
    struct context context = {.span = parent};
    demand(model_check_context(&model, step->thread, &context, surely ? owner : before, surely));
    mine->owner = before;
    mine->doubtful |= !span_context_present(&parent);
    owner = span_context_present(&parent) ? before : MODEL_NOBODY;
    if (span_context_present(&parent) && memcmp(self.trace_id, parent.trace_id, 16) != 0)
        demand("a child in another trace");
    happened[HAPPENED_client_span_with_a_parent] += span_context_present(&parent);
    happened[HAPPENED_client_span_without] += !span_context_present(&parent);
    char room[PROPAGATE_BYTES];
    propagate(&self, room, check_line, &owner);
}

/* In the loop's place, or in one that knows no connections. */
static void wait_for_events(const struct step *step)
{
    bool loops = step->choice[2] % 2;
    int before = model.threads[step->thread].owner;
    observe_waited(loops ? LOOP : OTHER_LOOP);
    happened[HAPPENED_waited]++;
    model_goes_on(&model, step->thread);
    if (loops)
        model_waited(&model, step->thread);
    steps_check_context(step, before, false, false);
}

static bool is_role(const struct talk *talk, enum role role)
{
    return talk && talk->role == role;
}

static bool is_unknown(const struct talk *talk)
{
    return !talk || talk->role == ROLE_UNKNOWN || talk->guessing;
}

/* What is a wait for these two? */
static enum wait kind_of(const struct step *step, int other)
{
    struct thread_model *mine = &model.threads[step->thread];
    const struct talk *one = model_talk(&model, step->fd);
    const struct talk *two = model_talk(&model, other);
    if (is_role(one, ROLE_LISTENER) || is_role(two, ROLE_LISTENER))
        return WAIT_OF_LOOP;
    if (!is_role(one, ROLE_SERVER) && !is_role(two, ROLE_SERVER))
        return WAIT_PRIVATE;
    if (is_role(one, ROLE_SERVER) && is_role(two, ROLE_SERVER) && one != two)
        return WAIT_OF_LOOP;
    int only = (int)((is_role(one, ROLE_SERVER) ? one : two) - model.talks);
    bool works = model_is_open(&model, mine->owner);
    if ((is_unknown(one) || is_unknown(two)) && mine->has_changed)
        return WAIT_OF_LOOP;
    if (works ? model.requests[mine->owner].talk != only : mine->loop)
        return WAIT_OF_LOOP;
    mine->waited_for = only;
    return WAIT_PRIVATE;
}

/* After bytes that were lost to view nobody can say for sure what the wait was: whom the thread
 * worked for before will do, too, whatever it waited for. */
static void end_wait(const struct step *step, enum wait wait)
{
    int before = model.threads[step->thread].owner;
    model_goes_on(&model, step->thread);
    if (wait == WAIT_OF_LOOP)
        model_waited(&model, step->thread);
    steps_check_context(step, before, false, false);
}

static void poll_some(const struct step *step)
{
    int other = step->choice[2] % MODEL_FDS;
    struct pollfd waits[2] = {{.fd = FIRST_FD + step->fd}, {.fd = FIRST_FD + other}};
    happened[HAPPENED_polled]++;
    int ready = (step->choice[3] & 6) == 6 ? -1 : 1;
    bool known = ready > 0 || step->choice[3] & 1;
    enum wait wait = known ? kind_of(step, other) : WAIT_PRIVATE;
    errno = step->choice[3] & 1 ? EINTR : EINVAL;
    observe_polled(waits, 2, ready);
    end_wait(step, wait);
}

/* Both are ready, or none. */
static void select_some(const struct step *step)
{
    int other = step->choice[2] % MODEL_FDS;
    int ready = step->choice[3] & 1 ? 2 : 0;
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET((unsigned)(FIRST_FD + step->fd), &reads);
    FD_SET((unsigned)(FIRST_FD + other), &reads);
    happened[HAPPENED_selected]++;
    enum wait wait = kind_of(step, other); /* the set is a caller's */
    observe_selected(observe_selecting(FIRST_FD + MODEL_FDS, &reads), FIRST_FD + MODEL_FDS, &reads,
                     ready);
    end_wait(step, wait);
}

static void register_one(const struct step *step)
{
    const struct talk *talk = model_talk(&model, step->fd);
    observe_registered(LOOP, step->choice[2] & 1 ? EPOLL_CTL_MOD : EPOLL_CTL_DEL,
                       FIRST_FD + step->fd);
    if (talk && step->choice[2] & 1)
        model_registered(&model, talk, step->thread);
    steps_check_context(step, MODEL_NOBODY, false, false);
}

static void read_now(const struct step *step)
{
    (void)step;
    if (queue.records != STEPS_SMALL_QUEUE)
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
    {"take one", take_one},
    {"hand on", hand_on},
    {"strange one", use_a_strange_one},
    {"fork as a parent", fork_as_a_parent},
    {"fail to leave", fail_to_leave},
    {"select", select_some},
    {"register", register_one},
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
