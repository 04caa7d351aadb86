// SPDX-License-Identifier: Apache-2.0
/* toy.h - a protocol that nobody speaks, for tests of what every protocol gets from a flow.
 *
 * Lines. A request is `ask NAME`, or `ask NAME N` with N bytes behind the line; an answer is `ok`,
 * `ok N` likewise, or `error`. On either side `bad` is not understood, and `over` ends the talk.
 * Whoever serves may greet with `hello`. It is read as a server's and as a client's. */
#ifndef TESTS_TOY_H
#define TESTS_TOY_H

#include <ctype.h>
#include <stdlib.h>

#include "agent/net/flow.h"
#include "agent/protocols/http1/http1_exchange.h"

struct toy_side {
    uint64_t body; /* bytes that are left of it */
    uint64_t seen;
    bool open; /* it belongs to a message that is not over */
};

struct toy_state {
    struct toy_side side[2];
    uint32_t sent; /* calls of the application */
};

static uint32_t toy_sent; /* of all flows */

static struct toy_side *toy_side(const struct flow *flow, enum side side)
{
    return &((struct toy_state *)flow_state(flow))->side[side];
}

static bool toy_ask_server(struct flow *flow, enum side side, bool whole, uint64_t now_ns)
{
    static const char head[] = "GET /toy HTTP/1.1\r\nHost: toy\r\n\r\n";
    struct exchange *exchange = exchange_take();
    if (exchange) {
        http1_parse_request(slice_of(head), HTTP1_WANT_ALL, &http1_head(exchange)->request);
        http1_exchange_begin(exchange, &flow->peer, flow_began_ns(flow, side, now_ns));
    }
    return flow_ask(flow, exchange, 0, whole);
}

static bool toy_ask(struct flow *flow, enum side side, struct slice name, bool whole,
                    uint64_t now_ns)
{
    if (flow_role(flow) == FLOW_SERVER)
        return toy_ask_server(flow, side, whole, now_ns);
    struct call *call = flow_call(flow, flow_began_ns(flow, side, now_ns));
    if (call && call_span(call))
        span_name(call_span(call), name);
    return true;
}

static void toy_asked(struct flow *flow)
{
    if (flow_role(flow) == FLOW_SERVER)
        flow_request_whole(flow);
}

static bool toy_answer(struct flow *flow)
{
    uint32_t entry = flow_front(flow);
    struct exchange *exchange = flow_role(flow) == FLOW_SERVER ? pipeline_exchange(entry) : NULL;
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    if (exchange) {
        http1_parse_response(slice_of(head), HTTP1_WANT_ALL, &http1_head(exchange)->response);
        http1_exchange_answered(exchange);
    }
    return entry != 0;
}

static void toy_answered(struct flow *flow, struct toy_side *here, uint64_t now_ns)
{
    if (flow_role(flow) == FLOW_SERVER)
        flow_over(flow, here->seen, FLOW_TAIL_NEXT, now_ns);
    else
        flow_call_over(flow, now_ns);
    here->seen = 0;
}

static void toy_through(struct flow *flow, enum side side, uint64_t now_ns)
{
    struct toy_side *here = toy_side(flow, side);
    here->open = false;
    if (flow_asks(flow, side))
        toy_asked(flow);
    else
        toy_answered(flow, here, now_ns);
}

static bool toy_took(struct slice *line, const char *word)
{
    if (!slice_starts(*line, slice_of(word)))
        return false;
    *line = slice_after(*line, strlen(word));
    return true;
}

/* A line without its end. */
static enum next toy_line(struct flow *flow, enum side side, struct slice line, uint64_t now_ns)
{
    struct toy_side *here = toy_side(flow, side);
    bool asks = flow_asks(flow, side);
    bool greets = !asks && slice_equal(line, SLICE_LITERAL("hello"));
    if (greets)
        return NEXT_MORE;
    if (slice_equal(line, SLICE_LITERAL("over")))
        return NEXT_OVER;
    bool fails = !asks && slice_equal(line, SLICE_LITERAL("error"));
    if (!fails && !toy_took(&line, asks ? "ask " : "ok"))
        return NEXT_LOST;
    struct slice name = {line.at, slice_find(line, ' ')};
    bool has_body = name.length < line.length;
    here->body = has_body ? strtoul(line.at + name.length + 1, NULL, 10) : 0;
    here->open = here->body != 0;
    if (asks)
        return toy_ask(flow, side, name, !here->open, now_ns) ? NEXT_MORE : NEXT_LOST;
    if (!toy_answer(flow))
        return NEXT_LOST;
    if (fails && flow_role(flow) == FLOW_CLIENT && call_span(flow_oldest_call(flow)))
        span_error(call_span(flow_oldest_call(flow)), SLICE_NONE);
    if (!here->open)
        toy_answered(flow, here, now_ns);
    else if (flow_role(flow) == FLOW_SERVER)
        flow_answer_goes_on(flow_front(flow));
    return NEXT_MORE;
}

static enum next toy_pass(struct flow *flow, enum side side, uint64_t bytes, uint64_t now_ns)
{
    struct toy_side *here = toy_side(flow, side);
    here->body -= bytes;
    here->seen += bytes;
    if (!here->body)
        toy_through(flow, side, now_ns);
    return NEXT_MORE;
}

/* Several lines, or what is left of a body and several lines: the rest may be a part of one. */
static struct fed toy_feed(struct flow *flow, enum side side, struct slice bytes, uint64_t now_ns)
{
    const struct toy_side *here = toy_side(flow, side);
    if (here->open) {
        size_t length = bytes.length < here->body ? bytes.length : (size_t)here->body;
        return (struct fed){length, toy_pass(flow, side, length, now_ns)};
    }
    size_t length = slice_find(bytes, '\n');
    if (length == bytes.length)
        return (struct fed){0, NEXT_MORE};
    struct slice line = {bytes.at, length};
    return (struct fed){length + 1, toy_line(flow, side, line, now_ns)};
}

static enum next toy_skip(struct flow *flow, enum side side, uint64_t bytes, uint64_t now_ns)
{
    const struct toy_side *here = toy_side(flow, side);
    return here->open && bytes <= here->body ? toy_pass(flow, side, bytes, now_ns) : NEXT_LOST;
}

static void toy_write_is_over(struct flow *flow, uint64_t now_ns)
{
    (void)now_ns;
    ((struct toy_state *)flow_state(flow))->sent++;
    toy_sent++;
}

static enum sure toy_detect(const struct flow *flow, enum side side, struct slice first)
{
    struct slice word = slice_of(flow_asks(flow, side) ? "ask " : "hello");
    size_t length = first.length < word.length ? first.length : word.length;
    if (memcmp(first.at, word.at, length) != 0)
        return SURE_NO;
    return length == word.length ? SURE_YES : SURE_MAYBE;
}

static void toy_end(struct flow *flow, enum flow_end how, uint64_t now_ns)
{
    (void)now_ns;
    if (how == FLOW_CLOSED && flow_role(flow) == FLOW_SERVER)
        flow->answered_bytes = toy_side(flow, SIDE_OUT)->seen;
}

static const struct protocol toy = {
    .name = "toy",
    .roles = PROTOCOL_ROLE(FLOW_SERVER) | PROTOCOL_ROLE(FLOW_CLIENT),
    .scope = SPAN_SCOPE_HTTP,
    .state_bytes = sizeof(struct toy_state),
    .detect = toy_detect,
    .feed = toy_feed,
    .skip = toy_skip,
    .sent = toy_write_is_over,
    .end = toy_end,
};

#endif
