// SPDX-License-Identifier: Apache-2.0
/* Lifetime and ownership of connections. */
#include "agent/net/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/base/counters.h"
#include "agent/base/os.h"
#include "agent/base/preparation.h"
#include "agent/net/detect.h"
#include "agent/work/context.h"
#include "agent/work/work.h"

/* Raised at every fork that is seen, in parent and child. */
static _Atomic uint32_t fork_epoch;
static _Atomic uint32_t birth_epoch; /* of this process: bytes before it were the parent's */
static _Atomic uint32_t serials;     /* given so far */

void connection_forked(void)
{
    atomic_fetch_add_explicit(&fork_epoch, 1, memory_order_relaxed);
    context_handing_over();
}

void connection_forked_child(void)
{
    uint32_t epoch = 1 + atomic_fetch_add_explicit(&fork_epoch, 1, memory_order_relaxed);
    atomic_store_explicit(&birth_epoch, epoch, memory_order_relaxed);
}

/* Was its last byte moved before this process was forked? */
static bool is_inherited(const struct connection *connection)
{
    uint32_t epoch = atomic_load_explicit(&connection->fork_epoch, memory_order_relaxed);
    return (int32_t)(epoch - atomic_load_explicit(&birth_epoch, memory_order_relaxed)) < 0;
}

uint32_t connection_fork_epoch(void)
{
    return atomic_load_explicit(&fork_epoch, memory_order_relaxed);
}

bool connection_is_ours(const struct connection *connection)
{
    if (is_inherited(connection))
        return false;
    bool forked_since = atomic_load_explicit(&connection->fork_epoch, memory_order_relaxed) !=
                        connection_fork_epoch();
    return !forked_since || !work_is_left_to_child(&connection->flow.channel);
}

void connection_reads(struct connection *connection, int fd)
{
    struct flow *flow = &connection->flow;
    work_reads(&flow->channel, fd, head_is_kept(&flow->side[SIDE_IN].place), flow->is_partial);
}

__attribute__((cold, noinline)) bool connection_reads_wait(const struct channel *channel)
{
    const char *connection = (const char *)channel - offsetof(struct connection, flow.channel);
    int fd = atomic_load_explicit(&channel->fd, memory_order_relaxed);
    if ((const char *)connection_of(fd) != connection)
        return false;
    int saved = errno;
    int flags = os.fcntl(fd, F_GETFL);
    errno = saved;
    return flags < 0 || !(flags & O_NONBLOCK);
}

static void reset_side(struct flow_side *side)
{
    side->feed = stream_feed_slowly;
    side->deaf = false;
    side->place.number = 0;
    /* Release pairs with connection_take() by a thread that is still after the slot's last
     * connection. */
    atomic_store_explicit(&side->owner, 0, memory_order_release);
}

static void reset_flow(struct flow *flow, enum connection_role role)
{
    /* Not a memset: the pipeline's cells are free by now, and they are most of it. */
    atomic_store_explicit(&flow->role, (uint8_t)role, memory_order_relaxed);
    flow->is_partial = false;
    flow->is_framed = false;
    atomic_store_explicit(&flow->busy, false, memory_order_relaxed);
    flow->switched = false;
    flow->answered_bytes = 0;
    bool unread = role == CONNECTION_CLIENT && !detect_reads_clients();
    atomic_store_explicit(&flow->unread, unread, memory_order_relaxed);
    atomic_store_explicit(&flow->state, NULL, memory_order_relaxed);
    memset(&flow->peer, 0, sizeof flow->peer);
    atomic_store_explicit(&flow->channel.pipeline.taken, 0, memory_order_relaxed);
    atomic_store_explicit(&flow->channel.pipeline.placed, 0, memory_order_relaxed);
    reset_side(&flow->side[SIDE_IN]);
    reset_side(&flow->side[SIDE_OUT]);
}

void connection_reset(struct connection *connection, uint32_t index, enum connection_role role)
{
    connection->index = index;
    atomic_store_explicit(&connection->flow.channel.serial,
                          atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed),
                          memory_order_relaxed);
    connection->client_wrote = false;
    connection->sent_bytes = role == CONNECTION_SERVER ? 0 : CONNECTION_UNCOUNTED;
    connection_set_owner(connection, (struct owner){0, 0});
    bool carries_none = role == CONNECTION_LISTENER || role == CONNECTION_LOOP;
    atomic_store_explicit(&connection->opaque, carries_none, memory_order_relaxed);
    atomic_store_explicit(&connection->refused, false, memory_order_relaxed);
    atomic_store_explicit(&connection->flow.channel.shut, false, memory_order_relaxed);
    atomic_store_explicit(&connection->requests_lost, false, memory_order_relaxed);
    atomic_store_explicit(&connection->unseen, 0, memory_order_relaxed);
    atomic_store_explicit(&connection->due, 0, memory_order_relaxed);
    atomic_store_explicit(&connection->handed_on, false, memory_order_relaxed);
    atomic_store_explicit(&connection->fork_epoch, connection_fork_epoch(), memory_order_relaxed);
    atomic_store_explicit(&connection->last_ns, 0, memory_order_relaxed);
    reset_flow(&connection->flow, role);
    atomic_store_explicit(&connection->flow.channel.references, 1, memory_order_release);
}

__attribute__((cold)) void connection_make_opaque(struct connection *connection, bool counted)
{
    if (atomic_exchange_explicit(&connection->opaque, true, memory_order_relaxed))
        return;
    if (counted)
        connection_count_loss(connection);
    atomic_fetch_or(&connection->due, CONNECTION_DUE_LOSS);
}

void connection_count_loss(struct connection *connection)
{
    if (!atomic_exchange(&connection->requests_lost, true))
        counters_add(&counters.connections_opaque, 1);
}

void connection_client_writes(struct connection *connection)
{
    bool first = !connection->client_wrote;
    connection->client_wrote = true;
    if (!first || !connection_owner(connection).exchange)
        connection_set_owner(connection, work_owner());
}

void connection_stop_reading(struct connection *connection, bool counted)
{
    if (atomic_exchange_explicit(&connection->flow.unread, true, memory_order_relaxed))
        return;
    if (counted)
        connection_count_loss(connection);
    /* Whose bytes they are does not matter either, as long as nothing was asked of this process. */
    bool drops = !preparation_is_done();
    if (drops)
        atomic_store_explicit(&connection->opaque, true, memory_order_relaxed);
    atomic_fetch_or(&connection->due, CONNECTION_DUE_LOSS | (drops ? CONNECTION_DUE_DROP : 0));
}

void connection_server_ended(struct connection *connection, int error, uint64_t now_ns)
{
    if (atomic_load_explicit(&connection->flow.unread, memory_order_relaxed) ||
        atomic_load(&connection->due) & CONNECTION_DUE_END)
        return; /* an error is told once, and is an end without one afterwards */
    stream_touch(connection, now_ns);
    atomic_store_explicit(&connection->error, error, memory_order_relaxed);
    atomic_fetch_or(&connection->due, CONNECTION_DUE_END);
}

bool connection_take(struct flow_side *side)
{
    uint64_t nobody = 0;
    /* Acquire pairs with the release in give_up(): the last owner's work is seen. Sequential
     * consistency orders it against `due`, see settle(). */
    return atomic_compare_exchange_strong(&side->owner, &nobody, context_claim());
}

/* From an owner that left and will not come back. Above a call that this thread is still in, in a
 * signal handler, it does not matter: two sends that overlap are not understood anyway. */
__attribute__((cold)) static bool take_over(struct flow_side *side)
{
    uint64_t claim = atomic_load(&side->owner);
    int32_t id = (int32_t)(claim >> 32);
    return claim & CONNECTION_AWAY && (id == context_thread_id() || context_thread_has_ended(id)) &&
           atomic_compare_exchange_strong(&side->owner, &claim, context_claim());
}

static void give_up(struct flow_side *side)
{
    atomic_store(&side->owner, 0);
}

static bool take_for_good(struct connection *connection, struct flow_side *side)
{
    if (connection_take(side))
        return true;
    if (!take_over(side))
        return false;
    connection_make_opaque(connection, connection_role(connection) == CONNECTION_SERVER);
    return true;
}

/* Connections that are over but for a thread that had not come back from a send. If it never does,
 * it may have been joined and yet take a moment to be gone: then the next close asks again. What
 * has been settled meanwhile, or is another connection by now, has nothing due. Bounded: beyond
 * that a connection waits for its thread alone. */
#define LEFT_MOST 8
static _Atomic(struct connection *) left[LEFT_MOST];
static _Atomic bool any_left;

static bool is_left(const struct connection *connection)
{
    for (int i = 0; i < LEFT_MOST; i++)
        if (atomic_load(&left[i]) == connection)
            return true;
    return false;
}

static void leave_for_later(struct connection *connection)
{
    bool there = is_left(connection);
    for (int i = 0; i < LEFT_MOST && !there; i++) {
        struct connection *none = NULL;
        there = atomic_compare_exchange_strong(&left[i], &none, connection);
    }
    atomic_store(&any_left, true);
}

/* Whoever owns both sides does what is due. A thread that finds one taken leaves it to that one,
 * which looks at `due` after giving up its side: one of the two sees the other, because
 * all of it is sequentially consistent. Where the first side was in the way of that one in
 * the meantime, it has to be tried again. */
__attribute__((cold)) static void settle(struct connection *connection)
{
    struct flow_side *in = &connection->flow.side[SIDE_IN];
    struct flow_side *out = &connection->flow.side[SIDE_OUT];
    while (atomic_load(&connection->due)) {
        if (!take_for_good(connection, in))
            return;
        if (!take_for_good(connection, out)) {
            give_up(in);
            /* It may be about to leave for a call that it never returns from, or have left. */
            uint64_t owner = atomic_load(&out->owner);
            if (owner && atomic_load(&connection->due) & CONNECTION_DUE_CLOSE)
                leave_for_later(connection);
            if (owner)
                return;
            continue;
        }
        /* Of two threads that come here one after the other, the second finds it done. */
        unsigned due = atomic_exchange(&connection->due, 0);
        if (due & CONNECTION_DUE_LOSS)
            stream_lost(connection);
        if (due & CONNECTION_DUE_END)
            stream_ended(connection);
        if (due & CONNECTION_DUE_DROP && connection_drop(connection))
            due |= CONNECTION_DUE_CLOSE;
        if (due & CONNECTION_DUE_CLOSE) {
            stream_close(connection);
            connection_give_back(connection);
            return;
        }
        give_up(out);
        give_up(in);
    }
}

/* Apart, so that the usual way keeps no registers. */
__attribute__((cold, noinline)) static bool meet(struct connection *connection, int fd)
{
    if (connection_of(fd) == connection) {
        connection_make_opaque(connection, true);
        settle(connection);
    }
    return false;
}

__attribute__((cold, noinline)) static bool miss(struct connection *connection, enum side side)
{
    connection_unclaim(connection, side);
    return false;
}

bool connection_claim(struct connection *connection, enum side side, int fd)
{
    if (atomic_load_explicit(&connection->opaque, memory_order_relaxed))
        return false;
    if (!connection_take(&connection->flow.side[side]))
        return meet(connection, fd);
    return connection_of(fd) == connection || miss(connection, side);
}

void connection_unclaim(struct connection *connection, enum side side)
{
    give_up(&connection->flow.side[side]);
    if (atomic_load(&connection->due))
        settle(connection);
}

bool connection_add_reference(struct connection *connection)
{
    uint32_t count =
        atomic_load_explicit(&connection->flow.channel.references, memory_order_relaxed);
    while (count != 0)
        /* Acquire pairs with the release in connection_reset(). */
        if (atomic_compare_exchange_weak_explicit(&connection->flow.channel.references, &count,
                                                  count + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    return false;
}

__attribute__((cold)) static void settle_left(void)
{
    atomic_store(&any_left, false);
    for (int i = 0; i < LEFT_MOST; i++) {
        struct connection *connection = atomic_exchange(&left[i], NULL);
        if (connection)
            settle(connection);
    }
}

void connection_drop_reference(struct connection *connection)
{
    if (atomic_fetch_sub_explicit(&connection->flow.channel.references, 1, memory_order_acq_rel) !=
        1)
        return;
    atomic_fetch_or(&connection->due, CONNECTION_DUE_CLOSE);
    settle(connection);
    if (atomic_load_explicit(&any_left, memory_order_relaxed))
        settle_left();
}
