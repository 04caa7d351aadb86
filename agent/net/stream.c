// SPDX-License-Identifier: Apache-2.0
/* Bytes of a connection are fed to its protocol, and what is open ends with the connection. What
 * the protocol does not understand at once is for stream_feed.c. */
#include "agent/net/connection.h"

#include <sched.h>

#include "agent/base/clock.h"
#include "agent/net/ending.h"
#include "agent/work/exchange.h"
#include "agent/work/exchange_inheritance.h"
#include "agent/work/work.h"

/* What we did not see may hold the beginning of a message. */
__attribute__((noinline)) static struct fed skip(struct flow *flow, enum side side,
                                                 struct slice bytes, uint64_t now_ns)
{
    const struct flow_state *state = flow_spoken(flow);
    if (flow->side[side].deaf)
        return fed_all(bytes);
    if (!state || head_is_kept(&flow->side[side].place))
        return (struct fed){0, NEXT_LOST};
    return (struct fed){bytes.length, state->protocol->skip(flow, side, bytes.length, now_ns)};
}

static inline struct fed feed(struct connection *connection, enum side side, struct slice bytes,
                              uint64_t now_ns)
{
    struct flow *flow = &connection->flow;
    if (atomic_load_explicit(&connection->opaque, memory_order_relaxed))
        return fed_all(bytes);
    return bytes.at ? flow->side[side].feed(flow, side, bytes, now_ns)
                    : skip(flow, side, bytes, now_ns);
}

/* ---- a client's, where one thread at a time is in the protocol ---- */

#define BUSY_TRIES 10000    /* looks at a thread that is in it; it waits for nothing there */
#define BUSY_NS    50000000 /* that it is waited for where it has lost the processor */

static bool try_to_enter(struct flow *flow)
{
    /* Acquire pairs with the release in leave(). */
    return !atomic_exchange_explicit(&flow->busy, true, memory_order_acquire);
}

__attribute__((cold, noinline)) static bool enter_later(struct flow *flow)
{
    uint64_t end_ns = clock_monotonic_ns() + BUSY_NS;
    do {
        sched_yield();
        if (try_to_enter(flow))
            return true;
    } while (clock_monotonic_ns() < end_ns);
    return false;
}

static bool enter(struct connection *connection)
{
    struct flow *flow = &connection->flow;
    for (int i = 0; i < BUSY_TRIES; i++)
        if (try_to_enter(flow))
            return true;
    if (enter_later(flow))
        return true;
    /* It was jumped out of in the middle. */
    connection_stop_reading(connection, true);
    return false;
}

static void leave(struct connection *connection)
{
    atomic_store_explicit(&connection->flow.busy, false, memory_order_release);
}

/* As feed(), but not while nobody reads along. */
__attribute__((noinline)) static void feed_client(struct connection *connection, enum side side,
                                                  struct slice bytes, uint64_t now_ns)
{
    if (atomic_load_explicit(&connection->flow.unread, memory_order_relaxed) || !enter(connection))
        return;
    ending_went_on();
    struct fed fed = feed(connection, side, bytes, now_ns);
    if (!is_whole(fed, bytes.length))
        stream_go_on(connection, side, bytes, fed, now_ns);
    leave(connection);
}

__attribute__((noinline)) void stream_client_sent(struct connection *connection, uint64_t now_ns)
{
    struct flow *flow = &connection->flow;
    const struct flow_state *state = flow_spoken(flow);
    bool answered = head_is_kept(&flow->side[SIDE_IN].place);
    if (!state || (!state->protocol->sent && !answered) ||
        atomic_load_explicit(&flow->unread, memory_order_relaxed) || !enter(connection))
        return;
    state = flow_spoken(flow); /* what came meanwhile may have ended it */
    if (state && state->protocol->sent)
        state->protocol->sent(flow, now_ns);
    if (head_is_kept(&flow->side[SIDE_IN].place))
        stream_feed_kept(connection, SIDE_IN);
    leave(connection);
}

/* ---- the connection's bytes ---- */

/* There was a fork since the last byte. */
__attribute__((cold, noinline)) static void take_over(struct connection *connection, uint32_t epoch)
{
    const struct pipeline *pipeline = &connection->flow.channel.pipeline;
    uint32_t entry;
    struct pipeline_walk walk = pipeline_walk(pipeline);
    atomic_store_explicit(&connection->fork_epoch, epoch, memory_order_relaxed);
    if (flow_role(&connection->flow) != FLOW_SERVER)
        return; /* a client's entries are calls, and stay with the process that began them */
    while ((entry = pipeline_next(pipeline, &walk)) != 0) {
        struct exchange *exchange = pipeline_exchange(entry);
        if (exchange)
            exchange_take_over(exchange);
    }
}

void stream_touch(struct connection *connection, uint64_t now_ns)
{
    uint32_t epoch = connection_fork_epoch();
    if (atomic_load_explicit(&connection->fork_epoch, memory_order_relaxed) != epoch)
        take_over(connection, epoch);
    atomic_store_explicit(&connection->last_ns, now_ns, memory_order_relaxed);
}

/* Of what was not known to be a server's: is it one's, after all? A client's bytes are dealt with.
 */
__attribute__((noinline)) static struct fed receive_other(struct connection *connection,
                                                          struct slice bytes, uint64_t now_ns)
{
    if (connection_serves_reader(connection, bytes))
        return feed(connection, SIDE_IN, bytes, now_ns);
    if (flow_role(&connection->flow) == FLOW_CLIENT)
        feed_client(connection, SIDE_IN, bytes, now_ns);
    return fed_all(bytes);
}

__attribute__((noinline)) static struct fed send_other(struct connection *connection,
                                                       struct slice bytes, uint64_t now_ns)
{
    if (connection_serves_writer(connection, bytes))
        return feed(connection, SIDE_OUT, bytes, now_ns);
    if (flow_role(&connection->flow) == FLOW_CLIENT)
        feed_client(connection, SIDE_OUT, bytes, now_ns);
    return fed_all(bytes);
}

struct fed stream_feed_received(struct connection *connection, struct slice bytes, uint64_t now_ns)
{
    stream_touch(connection, now_ns);
    if (__builtin_expect(flow_role(&connection->flow) != FLOW_SERVER, 0))
        return receive_other(connection, bytes, now_ns);
    return feed(connection, SIDE_IN, bytes, now_ns);
}

void stream_was_received(struct connection *connection)
{
    struct flow *flow = &connection->flow;
    if (flow_role(flow) != FLOW_SERVER)
        return;
    work_for_what_was_read(&flow->channel);
    /* Asked last: who took the entry before what is a tunnel's has made it opaque before. */
    if (flow->side[SIDE_IN].deaf || atomic_load_explicit(&connection->opaque, memory_order_relaxed))
        work_read_unknown();
}

struct fed stream_feed_sent(struct connection *connection, struct slice bytes, uint64_t now_ns)
{
    stream_touch(connection, now_ns);
    connection->sent_bytes += bytes.length;
    if (__builtin_expect(flow_role(&connection->flow) != FLOW_SERVER, 0))
        return send_other(connection, bytes, now_ns);
    return feed(connection, SIDE_OUT, bytes, now_ns);
}

/* ---- the end ---- */

static void end_protocol(struct flow *flow, enum flow_end how, uint64_t now_ns)
{
    const struct flow_state *state = flow_spoken(flow);
    if (state && state->protocol->end)
        state->protocol->end(flow, how, now_ns);
}

void stream_sending_ended(struct connection *connection, uint64_t now_ns)
{
    if (flow_role(&connection->flow) == FLOW_CLIENT)
        return; /* the answers are still to come */
    end_protocol(&connection->flow, FLOW_SHUT, now_ns);
}

void stream_let_go(struct flow *flow)
{
    for (int side = SIDE_IN; side <= SIDE_OUT; side++) {
        head_store_drop(&flow->side[side].place);
        flow->side[side].feed = stream_feed_slowly;
    }
    flow->is_framed = false;
    struct flow_state *state = atomic_exchange_explicit(&flow->state, NULL, memory_order_relaxed);
    if (state)
        flow_state_give(state);
}

/* How calls end that nobody has answered. */
static struct slice error_type(const struct connection *connection, enum flow_end how)
{
    if (how != FLOW_ENDED)
        return ending_of_close(
            atomic_load_explicit(&connection->flow.channel.fd, memory_order_relaxed));
    return ending_type(atomic_load_explicit(&connection->error, memory_order_relaxed));
}

/* A client's calls, which are sure to be over. */
static void end_calls(struct connection *connection, enum flow_end how, uint64_t now_ns)
{
    struct flow *flow = &connection->flow;
    bool lost =
        how == FLOW_LOST || atomic_load_explicit(&connection->handed_on, memory_order_relaxed);
    struct call *call;
    end_protocol(flow, lost ? FLOW_LOST : how, now_ns);
    while ((call = flow_oldest_call(flow)) != NULL) {
        pipeline_take(&flow->channel.pipeline);
        if (lost)
            call_lost(call, now_ns);
        else
            call_abort(call, error_type(connection, how), now_ns);
    }
    stream_let_go(flow);
}

__attribute__((cold)) void stream_lost(struct connection *connection)
{
    struct flow *flow = &connection->flow;
    if (flow_role(flow) == FLOW_CLIENT) {
        end_calls(connection, FLOW_LOST, clock_monotonic_ns());
        return;
    }
    /* Before the context goes, on which it depends. What was swallowed was no request. */
    bool ours = connection_is_ours(connection) && !flow->switched;
    work_leave(&connection->flow.channel);
    uint64_t now_ns = clock_monotonic_ns();
    end_protocol(flow, FLOW_LOST, now_ns);
    uint32_t entry;
    while ((entry = pipeline_take_any(&flow->channel.pipeline)) != 0) {
        struct exchange *exchange = pipeline_exchange(entry);
        if (!exchange)
            continue;
        reading_end(&exchange->reading, ours);
        exchange_over(exchange, ours ? EXCHANGE_LOST : EXCHANGE_FORGOTTEN, EXCHANGE_UNSEEN, now_ns);
    }
    flow->is_partial = false;
    stream_let_go(flow);
}

void stream_ended(struct connection *connection)
{
    uint64_t end_ns = atomic_load_explicit(&connection->last_ns, memory_order_relaxed);
    /* Not before: what another thread was sending meanwhile was asked, too. */
    atomic_store_explicit(&connection->flow.unread, true, memory_order_relaxed);
    end_calls(connection, FLOW_ENDED, end_ns);
}

static enum exchange_ending how_closed(const struct connection *connection, bool ours)
{
    if (!ours)
        return EXCHANGE_FORGOTTEN;
    return atomic_load_explicit(&connection->handed_on, memory_order_relaxed) ? EXCHANGE_LOST
                                                                              : EXCHANGE_ABORTED;
}

void stream_close(struct connection *connection)
{
    struct flow *flow = &connection->flow;
    uint64_t end_ns = atomic_load_explicit(&connection->last_ns, memory_order_relaxed);
    if (flow_role(flow) == FLOW_CLIENT) {
        end_calls(connection, FLOW_CLOSED, end_ns);
        return;
    }
    bool ours = connection_is_ours(connection);
    bool refused = atomic_load_explicit(&connection->refused, memory_order_relaxed);
    if (ours)
        end_protocol(flow, FLOW_CLOSED, end_ns);

    enum exchange_ending ending = how_closed(connection, ours);
    uint32_t entry;
    for (; (entry = pipeline_take_any(&flow->channel.pipeline)) != 0; flow->answered_bytes = 0) {
        struct exchange *exchange = pipeline_exchange(entry);
        if (!exchange)
            continue;
        reading_end(&exchange->reading, ours && !refused);
        exchange_over(exchange, ending, flow->answered_bytes, end_ns);
    }
    stream_let_go(flow);
}
