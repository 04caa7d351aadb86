// SPDX-License-Identifier: Apache-2.0
/* What protocols say of requests and answers: exchanges begin, wait in the pipeline, and end. */
#include "agent/net/connection.h"

#include "agent/base/counters.h"
#include "agent/net/unseen.h"
#include "agent/work/exchange.h"
#include "agent/work/work.h"

void flow_switches(struct flow *flow)
{
    flow->switched = true;
    connection_make_opaque(flow_connection(flow), false);
}

bool flow_ask(struct flow *flow, struct exchange *exchange, unsigned note, bool whole)
{
    struct channel *channel = &flow->channel;
    if (!exchange)
        counters_add(&counters.dropped_exchanges, 1);
    uint32_t entry = exchange ? exchange->slot + 1 : PIPELINE_UNTRACED;
    entry |= (uint32_t)note << PIPELINE_NOTE;
    if (atomic_load_explicit(&channel->pipeline.placed, memory_order_relaxed) !=
        channel->reads_from)
        entry |= PIPELINE_ALONG;
    if (exchange) {
        channel->newest = atomic_load_explicit(&exchange->generation, memory_order_relaxed);
        reading_begin(&exchange->reading, whole);
    }
    work_begins(channel, exchange);
    if (!pipeline_place(&channel->pipeline, entry)) {
        if (exchange)
            exchange_forget(exchange);
        counters_add(&counters.dropped_exchanges, 1);
        return false;
    }
    flow->is_partial = !whole;
    return true;
}

/* What is read on is of the newest request. NULL where that was answered before all of it came, or
 * has no exchange. */
static struct exchange *newest_exchange(const struct flow *flow)
{
    return pipeline_exchange(pipeline_newest(&flow->channel.pipeline));
}

void flow_request_whole(struct flow *flow)
{
    flow->is_partial = false;
    struct exchange *exchange = newest_exchange(flow);
    if (exchange)
        reading_whole(&exchange->reading);
}

void flow_request_bytes(struct flow *flow, uint64_t bytes)
{
    const struct exchange *exchange = newest_exchange(flow);
    if (exchange)
        exchange_set_request_bytes(exchange_slot(exchange), flow->channel.newest, bytes);
}

void flow_answers_nothing(struct flow *flow)
{
    unseen_answered(flow_connection(flow));
}

void flow_answer_goes_on(uint32_t entry)
{
    if (!work_is_for(entry)) /* as in flow_over() */
        context_clear();
}

/* Who answers another request than the one it was known to work for works for several. */
void flow_over(struct flow *flow, uint64_t bytes, enum flow_tail tail, uint64_t now_ns)
{
    struct connection *connection = flow_connection(flow);
    struct channel *channel = &flow->channel;
    uint32_t entry = pipeline_front(&channel->pipeline);
    struct exchange *exchange = pipeline_exchange(entry);
    bool was_current = work_is_for(entry);
    if (tail != FLOW_TAIL_CLOSE && !was_current)
        context_clear();
    pipeline_take(&channel->pipeline); /* before its slot is given back: see work_for() */
    if (exchange)
        exchange_end(exchange, bytes, now_ns);
    uint32_t next = pipeline_front(&channel->pipeline);
    if (atomic_load(&connection->requests_lost) && !next) {
        connection_make_opaque(connection, true);
        work_leave(channel);
    }
    if (!was_current)
        return;
    /* What a thread does after a response may be work of its own, and belongs to nobody; unless the
     * next request is already there: it was read along with this one and will be handled without a
     * read. Behind an answer that nothing follows, nothing will be. */
    if (work_goes_on_with(channel, next, connection_reads_wait) && tail == FLOW_TAIL_NEXT)
        work_for(channel, atomic_load_explicit(&channel->pipeline.taken, memory_order_relaxed));
    else if (!next)
        work_has_answered();
    else
        context_clear();
}

struct call *flow_call(struct flow *flow, uint64_t began_ns)
{
    const struct flow_state *state = atomic_load_explicit(&flow->state, memory_order_relaxed);
    struct call *call = call_begin((enum span_scope)state->protocol->scope, began_ns);
    if (!call || pipeline_place(&flow->channel.pipeline, call->index + 1))
        return call;
    call_drop(call);
    return NULL;
}

struct call *flow_newest_call(struct flow *flow)
{
    return flow_call_of(pipeline_newest(&flow->channel.pipeline));
}

bool flow_is_sending(const struct flow *flow)
{
    return atomic_load_explicit(&flow->side[SIDE_OUT].owner, memory_order_relaxed) &
           CONNECTION_AWAY;
}

int flow_error(const struct flow *flow)
{
    return atomic_load_explicit(&flow_connection(flow)->error, memory_order_relaxed);
}

void flow_call_over(struct flow *flow, uint64_t now_ns)
{
    struct call *call = flow_oldest_call(flow);
    pipeline_take(&flow->channel.pipeline);
    call_end(call, now_ns);
}
