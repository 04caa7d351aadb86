// SPDX-License-Identifier: Apache-2.0
/* Bytes that a protocol does not understand at once: which one it is is found out, what comes
 * before the rest of its message is kept, and what nobody understands is left. */
#include "agent/net/connection.h"

#include "agent/base/counters.h"
#include "agent/net/detect.h"
#include "agent/net/unseen.h"
#include "agent/work/work.h"

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
        stop_client(connection, side, flow_spoken(flow) != NULL);
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
    else if (next == NEXT_ANEW)
        stream_let_go(&connection->flow);
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
    const struct flow_state *state = flow_spoken(flow);
    if (!state) {
        enum sure sure = detect(flow, side, bytes);
        if (sure != SURE_YES)
            return (struct fed){0, sure == SURE_MAYBE ? NEXT_MORE : NEXT_LOST};
        state = flow_spoken(flow);
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
        size_t kept = head_is_kept(&here->place) ? here->kept : 0;
        leave_side(connection, side, fed.next, piece);
        head_store_drop(&here->place);
        bool goes_on = fed.next == NEXT_ANEW && fed.used >= kept;
        return goes_on ? slice_after(bytes, fed.used - kept) : SLICE_NONE;
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
    if (!flow_spoken(flow) && (!first.at || detect(flow, which, first) != SURE_YES))
        return stream_feed_slowly;
    return flow_spoken(flow)->protocol->feed;
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

__attribute__((cold, noinline)) void stream_feed_kept(struct connection *connection, enum side side)
{
    struct slice nothing = SLICE_LITERAL("");
    uint64_t now_ns = connection->flow.side[side].began_ns;
    struct slice kept = gather(connection, side, nothing);
    if (kept.at)
        settle(connection, side, nothing, kept,
               feed_protocol(&connection->flow, side, kept, now_ns), now_ns);
}

__attribute__((noinline)) void stream_go_on(struct connection *connection, enum side side,
                                            struct slice bytes, struct fed fed, uint64_t now_ns)
{
    connection->flow.side[side].feed = stream_feed_slowly;
    if (fed.next != NEXT_MORE)
        leave_side(connection, side, fed.next, bytes);
    else if (!fed.used)
        keep(connection, side, bytes, now_ns);
    if (fed.next == NEXT_ANEW || (fed.next == NEXT_MORE && fed.used))
        feed_slowly(connection, side, slice_after(bytes, fed.used), now_ns);
}
