// SPDX-License-Identifier: Apache-2.0
/* Bytes of a flow go into a dialogue, and what it tells of becomes the flow's calls. */
#include "agent/protocols/redis/redis_protocol.h"

#include "agent/net/flow.h"
#include "agent/protocols/redis/redis_dialogue.h"
#include "agent/protocols/redis/redis_span.h"
#include "agent/text/redact.h"
#include "agent/work/client_span.h"

/* ---- what the dialogue tells ---- */

static bool begin(void *context, uint64_t start_ns)
{
    return flow_call(context, start_ns) != NULL;
}

static void missed(void *context)
{
    (void)context;
    client_span_lost();
}

static void asked(void *context, const struct redis_asked *asked)
{
    struct flow *flow = context;
    struct call *call = flow_newest_call(flow);
    if (!call)
        return;
    if (asked->is_session)
        client_span_sets_up(&call->client);
    if (call_span(call))
        redis_span_asked(call_span(call), &flow->peer, asked);
}

static void answered(void *context, const struct redis_answered *answered, uint64_t end_ns)
{
    struct flow *flow = context;
    struct call *call = flow_oldest_call(flow);
    if (!call)
        return;
    if (call_span(call))
        redis_span_answered(call_span(call), answered, end_ns);
    flow_call_over(flow, end_ns);
}

static struct redis_listener listener_of(struct flow *flow)
{
    return (struct redis_listener){flow, &redact_of_process, begin, missed, asked, answered};
}

/* ---- the row ---- */

/* A server does not speak first; but another thread may read its answer before it is known here
 * what was asked. */
static enum sure detect_answer(const struct flow *flow, struct slice first)
{
    bool may = flow_is_sending(flow) && first.length && strchr("+-:$*%_#,(~!=>|", first.at[0]);
    return may ? SURE_MAYBE : SURE_NO;
}

static enum sure detect(const struct flow *flow, enum side side, struct slice first)
{
    if (!flow_asks(flow, side))
        return detect_answer(flow, first);
    enum parse parse = redis_dialogue_recognise(first);
    return parse == PARSE_OK ? SURE_YES : parse == PARSE_MORE ? SURE_MAYBE : SURE_NO;
}

static struct fed feed(struct flow *flow, enum side side, struct slice bytes, uint64_t now_ns)
{
    struct redis_dialogue *dialogue = flow_state(flow);
    struct redis_listener listener = listener_of(flow);
    bool goes_on =
        flow_asks(flow, side)
            ? redis_dialogue_send(dialogue, &listener, bytes, flow_began_ns(flow, side, now_ns))
            : redis_dialogue_receive(dialogue, &listener, bytes, now_ns);
    return (struct fed){bytes.length, goes_on ? NEXT_MORE : NEXT_LOST};
}

static void sent(struct flow *flow, uint64_t now_ns)
{
    struct redis_listener listener = listener_of(flow);
    redis_dialogue_sent(flow_state(flow), &listener, now_ns);
}

static enum next skip(struct flow *flow, enum side side, uint64_t bytes, uint64_t now_ns)
{
    struct redis_dialogue *dialogue = flow_state(flow);
    (void)now_ns;
    bool goes_on = flow_asks(flow, side) ? resp_skip_commands(&dialogue->commands, bytes)
                                         : resp_skip_replies(&dialogue->replies, bytes);
    return goes_on ? NEXT_MORE : NEXT_LOST;
}

static void end(struct flow *flow, enum flow_end how, uint64_t now_ns)
{
    struct redis_listener listener = listener_of(flow);
    if (how != FLOW_SHUT)
        redis_dialogue_end(flow_state(flow), &listener, now_ns);
}

_Static_assert(sizeof(struct redis_dialogue) <= FLOW_STATE_MOST, "a flow keeps it");

const struct protocol redis_protocol = {
    .name = "redis",
    .roles = PROTOCOL_ROLE(FLOW_CLIENT),
    .scope = SPAN_SCOPE_REDIS,
    .state_bytes = sizeof(struct redis_dialogue),
    .detect = detect,
    .feed = feed,
    .sent = sent,
    .skip = skip,
    .end = end,
};
