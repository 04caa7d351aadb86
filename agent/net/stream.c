// SPDX-License-Identifier: Apache-2.0
/* Bytes of a connection are fed to its protocol: which one it is is found out, and what comes
 * before the rest of its message is kept. */
#include "agent/net/connection.h"

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/net/detect.h"
#include "agent/net/unseen.h"
#include "agent/work/exchange.h"
#include "agent/work/exchange_inheritance.h"
#include "agent/work/work.h"

static const struct flow_state *state_of(const struct flow *flow)
{
    return atomic_load_explicit(&flow->state, memory_order_acquire);
}

/* ---- what is not understood ---- */

__attribute__((cold)) static void lose(struct connection *connection)
{
    connection_make_opaque(connection, true);
    work_leave(&connection->flow.channel);
}

/* What comes is not understood any more. The answers to what was are still followed; with the last
 * of them, seen here or in flow_over(), nothing is left to see. `awaited`: see unseen.h. */
__attribute__((cold)) static void lose_requests(struct connection *connection, enum side side,
                                                bool awaited)
{
    struct flow *flow = &connection->flow;
    head_store_drop(&flow->side[side].place);
    flow->side[side].deaf = true;
    flow->is_partial = false;
    connection_count_loss(connection);
    if (awaited)
        work_leave(&connection->flow.channel);
    else if (pipeline_empty(&flow->channel.pipeline))
        lose(connection);
}

__attribute__((cold)) static void stop_client(struct connection *connection, enum side side,
                                              bool counted)
{
    connection->flow.side[side].deaf = true;
    connection_stop_reading(connection, counted);
}

/* `bytes` are those that were not understood, SLICE_NONE where nobody saw them. */
__attribute__((cold)) static void lose_side(struct connection *connection, enum side side,
                                            struct slice bytes)
{
    struct flow *flow = &connection->flow;
    if (flow_role(flow) == FLOW_CLIENT) {
        /* Most connections of a client are of no protocol that is read. */
        stop_client(connection, side, state_of(flow) != NULL);
        return;
    }
    bool awaited = unseen_lost(connection, side, bytes);
    if (flow_asks(flow, side))
        lose_requests(connection, side, awaited);
    else
        lose(connection);
}

/* As the protocol says. */
__attribute__((cold, noinline)) static void
leave_side(struct connection *connection, enum side side, enum next next, struct slice bytes)
{
    if (next == NEXT_LOST)
        lose_side(connection, side, bytes);
    else if (flow_role(&connection->flow) == FLOW_CLIENT)
        stop_client(connection, side, false);
    else
        connection_make_opaque(connection, false);
}

/* ---- what is understood ---- */

/* Keeps the beginning of a message. */
__attribute__((noinline)) static void keep(struct connection *connection, enum side which,
                                           struct slice bytes, uint64_t now_ns)
{
    struct flow_side *side = &connection->flow.side[which];
    char *buffer = NULL;
    size_t room;
    if (bytes.length < FLOW_KEPT_BYTES)
        buffer = head_store_hold(&side->place, 0, bytes.length, &room);
    else
        counters_add(&counters.heads_too_long, 1);
    if (!buffer) {
        lose_side(connection, which, bytes);
        return;
    }
    memcpy(buffer, bytes.at, bytes.length);
    side->kept = (uint32_t)bytes.length;
    side->began_ns = now_ns;
    head_store_rest(&side->place);
}

/* What is kept, held, with as much of `bytes` behind it as its buffer takes: all that came first,
 * later no more than it has room for, because a body that may follow needs no larger one.
 * SLICE_NONE: it is lost. */
__attribute__((noinline)) static struct slice gather(struct connection *connection, enum side which,
                                                     struct slice bytes)
{
    struct flow_side *side = &connection->flow.side[which];
    size_t room;
    char *buffer = head_store_hold(&side->place, side->kept, side->kept + 1u, &room);
    if (!buffer) {
        lose_side(connection, which, SLICE_NONE);
        return SLICE_NONE;
    }
    room -= side->kept;
    size_t taken = bytes.length < room ? bytes.length : room;
    memcpy(buffer + side->kept, bytes.at, taken);
    return (struct slice){buffer, side->kept + taken};
}

/* The protocol's word on bytes; where it is not known yet, on whether it will be. */
static struct fed feed_protocol(struct flow *flow, enum side side, struct slice bytes,
                                uint64_t now_ns)
{
    const struct flow_state *state = state_of(flow);
    if (!state) {
        enum sure sure = detect(flow, side, bytes);
        if (sure != SURE_YES)
            return (struct fed){0, sure == SURE_MAYBE ? NEXT_MORE : NEXT_LOST};
        state = state_of(flow);
    }
    return state->protocol->feed(flow, side, bytes, now_ns);
}

/* Goes on with what is kept where a part of it was used, because only then its protocol was known:
 * until no more is. Returns how much was, all of it where it was not understood. */
__attribute__((cold, noinline)) static size_t feed_kept(struct connection *connection,
                                                        enum side side, struct slice whole,
                                                        size_t used, uint64_t now_ns)
{
    while (used < connection->flow.side[side].kept) {
        struct slice rest = slice_after(whole, used);
        struct fed fed = feed_protocol(&connection->flow, side, rest, now_ns);
        if (fed.next != NEXT_MORE) {
            leave_side(connection, side, fed.next, rest);
            return whole.length;
        }
        if (!fed.used)
            break;
        used += fed.used;
    }
    return used;
}

/* So much of what is kept was used, `whole` being that with the first of `bytes`. Returns what is
 * left of them. */
__attribute__((noinline)) static struct slice release(struct connection *connection,
                                                      enum side which, struct slice bytes,
                                                      struct slice whole, size_t used,
                                                      uint64_t now_ns)
{
    struct flow_side *side = &connection->flow.side[which];
    if (used && used < side->kept) {
        used = feed_kept(connection, which, whole, used, now_ns);
        side->began_ns = now_ns;
    }
    if (used >= side->kept) {
        head_store_drop(&side->place);
        return slice_after(bytes, used - side->kept);
    }
    size_t taken = whole.length - side->kept;
    char *buffer = (char *)(uintptr_t)whole.at;
    memmove(buffer, buffer + used, whole.length - used);
    side->kept = (uint32_t)(whole.length - used);
    if (side->kept == FLOW_KEPT_BYTES) {
        counters_add(&counters.heads_too_long, 1);
        lose_side(connection, which, whole);
    }
    if (head_is_kept(&side->place))
        head_store_rest(&side->place);
    return slice_after(bytes, taken);
}

/* After `piece`, which is what comes first of `bytes`, behind what is kept, was fed. Returns what
 * is left of them. */
__attribute__((noinline)) static struct slice settle(struct connection *connection, enum side side,
                                                     struct slice bytes, struct slice piece,
                                                     struct fed fed, uint64_t now_ns)
{
    struct flow_side *here = &connection->flow.side[side];
    if (fed.next != NEXT_MORE) {
        leave_side(connection, side, fed.next, piece);
        head_store_drop(&here->place);
        return SLICE_NONE;
    }
    if (head_is_kept(&here->place))
        return release(connection, side, bytes, piece, fed.used, now_ns);
    if (fed.used)
        return slice_after(bytes, fed.used);
    keep(connection, side, bytes, now_ns);
    return SLICE_NONE;
}

/* What the bytes of a side are fed to where nothing has to be done before. */
__attribute__((cold, noinline)) static protocol_feed *
choose_feed(struct flow *flow, enum side which, struct slice first)
{
    const struct flow_side *side = &flow->side[which];
    if (side->deaf || head_is_kept(&side->place))
        return stream_feed_slowly;
    if (!state_of(flow) && (!first.at || detect(flow, which, first) != SURE_YES))
        return stream_feed_slowly;
    return state_of(flow)->protocol->feed;
}

/* Steps that return before the protocol has the bytes, or come after it: below this frame there are
 * only the protocol's. */
__attribute__((noinline)) static void feed_slowly(struct connection *connection, enum side which,
                                                  struct slice bytes, uint64_t now_ns)
{
    struct flow *flow = &connection->flow;
    struct flow_side *side = &flow->side[which];
    while (bytes.length && !side->deaf &&
           !atomic_load_explicit(&connection->opaque, memory_order_relaxed)) {
        struct slice piece = head_is_kept(&side->place) ? gather(connection, which, bytes) : bytes;
        if (!piece.at)
            break;
        struct fed fed = feed_protocol(flow, which, piece, now_ns);
        bytes = settle(connection, which, bytes, piece, fed, now_ns);
    }
    side->feed = choose_feed(flow, which, SLICE_NONE);
}

__attribute__((noinline)) struct fed stream_feed_slowly(struct flow *flow, enum side side,
                                                        struct slice bytes, uint64_t now_ns)
{
    protocol_feed *feed = choose_feed(flow, side, bytes);
    if (feed != stream_feed_slowly) {
        flow->side[side].feed = feed;
        return feed(flow, side, bytes, now_ns);
    }
    feed_slowly(flow_connection(flow), side, bytes, now_ns);
    return fed_all(bytes);
}

/* What we did not see may hold the beginning of a message. */
__attribute__((noinline)) static struct fed skip(struct flow *flow, enum side side,
                                                 struct slice bytes, uint64_t now_ns)
{
    const struct flow_state *state = state_of(flow);
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

__attribute__((noinline)) void stream_go_on(struct connection *connection, enum side side,
                                            struct slice bytes, struct fed fed, uint64_t now_ns)
{
    connection->flow.side[side].feed = stream_feed_slowly;
    if (fed.next != NEXT_MORE)
        leave_side(connection, side, fed.next, bytes);
    else if (!fed.used)
        keep(connection, side, bytes, now_ns);
    else
        feed_slowly(connection, side, slice_after(bytes, fed.used), now_ns);
}

/* ---- a client's, where one thread at a time is in the protocol ---- */

#define BUSY_TRIES 10000 /* looks at a thread that is in it; it waits for nothing there */

static bool enter(struct connection *connection)
{
    struct flow *flow = &connection->flow;
    for (int i = 0; i < BUSY_TRIES; i++)
        /* Acquire pairs with the release in leave(). */
        if (!atomic_exchange_explicit(&flow->busy, true, memory_order_acquire))
            return true;
    /* It lost the processor, or was jumped out of in the middle. */
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
    struct fed fed = feed(connection, side, bytes, now_ns);
    if (!is_whole(fed, bytes.length))
        stream_go_on(connection, side, bytes, fed, now_ns);
    leave(connection);
}

__attribute__((noinline)) void stream_client_sent(struct connection *connection, uint64_t now_ns)
{
    struct flow *flow = &connection->flow;
    const struct flow_state *state = state_of(flow);
    if (!state || !state->protocol->sent ||
        atomic_load_explicit(&flow->unread, memory_order_relaxed) || !enter(connection))
        return;
    state->protocol->sent(flow, now_ns);
    leave(connection);
}

/* ---- the connection's bytes ---- */

/* There was a fork since the last byte. */
__attribute__((cold, noinline)) static void take_over(struct connection *connection, uint32_t epoch)
{
    const struct pipeline *pipeline = &connection->flow.channel.pipeline;
    uint32_t entry;
    struct pipeline_walk walk = pipeline_walk(pipeline);
    while ((entry = pipeline_next(pipeline, &walk)) != 0) {
        struct exchange *exchange = pipeline_exchange(entry);
        if (exchange)
            exchange_take_over(exchange);
    }
    atomic_store_explicit(&connection->fork_epoch, epoch, memory_order_relaxed);
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
    const struct flow_state *state = state_of(flow);
    if (state && state->protocol->end)
        state->protocol->end(flow, how, now_ns);
}

void stream_sending_ended(struct connection *connection, uint64_t now_ns)
{
    if (flow_role(&connection->flow) == FLOW_CLIENT)
        return; /* the answers are still to come */
    end_protocol(&connection->flow, FLOW_SHUT, now_ns);
}

/* What the flow holds but for its entries. */
static void let_go(struct flow *flow)
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

/* A client's calls, which are sure to be over. */
static void end_calls(struct connection *connection, enum flow_end how, uint64_t now_ns)
{
    struct flow *flow = &connection->flow;
    end_protocol(flow, how, now_ns);
    bool lost =
        how == FLOW_LOST || atomic_load_explicit(&connection->handed_on, memory_order_relaxed);
    struct call *call;
    while ((call = flow_oldest_call(flow)) != NULL) {
        pipeline_take(&flow->channel.pipeline);
        if (lost)
            call_lost(call, now_ns);
        else
            call_abort(call, SLICE_LITERAL("connection_aborted"), now_ns);
    }
    let_go(flow);
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
        if (exchange)
            reading_end(&exchange->reading, ours);
        if (exchange && ours)
            exchange_lost(exchange, now_ns);
        else if (exchange)
            exchange_forget(exchange);
    }
    flow->is_partial = false;
    let_go(flow);
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

    uint32_t entry;
    for (; (entry = pipeline_take_any(&flow->channel.pipeline)) != 0; flow->answered_bytes = 0) {
        struct exchange *exchange = pipeline_exchange(entry);
        if (exchange)
            reading_end(&exchange->reading, ours && !refused);
        if (exchange && !ours)
            exchange_forget(exchange);
        else if (exchange && atomic_load_explicit(&connection->handed_on, memory_order_relaxed))
            exchange_lost(exchange, end_ns);
        else if (exchange)
            exchange_abort(exchange, flow->answered_bytes, end_ns,
                           SLICE_LITERAL("connection_aborted"));
    }
    let_go(flow);
}
