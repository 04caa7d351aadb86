// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http1/http1_protocol.h"

#include "agent/base/counters.h"
#include "agent/describe/method.h"
#include "agent/protocols/http1/http1_body.h"
#include "agent/protocols/http1/http1_exchange.h"
#include "agent/protocols/http1/spare_head.h"

struct http1_side {
    struct http1_body body;
    uint32_t scanned; /* of a head that is kept, by http1_find_head() */
    bool in_body;     /* else a head begins here, or is kept */
};

/* Each side is of who owns it. */
struct http1_flow {
    struct http1_side side[2];
};

static struct http1_side *side_of(const struct flow *flow, enum side side)
{
    return &((struct http1_flow *)flow_state(flow))->side[side];
}

static protocol_feed take_request;
static protocol_feed take_response;
static protocol_feed take_body;

/* Bytes that follow on that side are of a body, or begin a head. */
static void expect_body(struct flow *flow, enum side side, struct http1_side *here)
{
    here->in_body = true;
    flow_feed_next(flow, side, take_body);
}

static void expect_head(struct flow *flow, enum side side, struct http1_side *here)
{
    here->in_body = false;
    flow_feed_next(flow, side, flow_asks(flow, side) ? take_request : take_response);
}

static struct fed used(size_t bytes)
{
    return (struct fed){bytes, NEXT_MORE};
}

static struct fed lost(void)
{
    return (struct fed){0, NEXT_LOST};
}

/* Heads are parsed in the exchange that they belong to, because the caller's stack may be small;
 * where there is none, in a spare one. Without that the message is as good as not understood. */
static union http1_head *head_of(const struct exchange *exchange)
{
    return __builtin_expect(exchange != NULL, 1) ? http1_head(exchange) : spare_head_take();
}

static void give_head(const struct exchange *exchange, union http1_head *head)
{
    if (__builtin_expect(!exchange, 0))
        spare_head_give(head);
}

/* Could a head begin like this? Asked while one is incomplete, so that what is not HTTP does not
 * fill buffers. */
static bool hopeless(const struct flow *flow, enum side side, struct slice bytes)
{
    return (flow_asks(flow, side) ? http1_detect_request(bytes) : http1_detect_response(bytes)) ==
           PARSE_BAD;
}

/* Here begins no head that is complete. */
__attribute__((cold, noinline)) static struct fed
not_parsed(const struct flow *flow, enum side side, struct slice bytes, enum parse parsed)
{
    bool kept = head_is_kept(&flow->side[side].place); /* then it was found to be complete */
    bool more = parsed == PARSE_MORE && !kept && !hopeless(flow, side, bytes);
    return more ? used(0) : lost();
}

/* What is read of a request that may get a span, and of its response. What may be captured beside
 * that is found by walking the lines. */
#define REQUEST_WANTS                                                                              \
    (HTTP1_WANT_FRAMING | HTTP1_WANT_DOUBTS | HTTP1_WANT_CARRIER |                                 \
     http1_want(HTTP1_FIELD_CONTENT_TYPE) | http1_want(HTTP1_FIELD_FORWARDED) |                    \
     http1_want(HTTP1_FIELD_HOST) | http1_want(HTTP1_FIELD_USER_AGENT) |                           \
     http1_want(HTTP1_FIELD_X_FORWARDED_FOR))
#define RESPONSE_WANTS (HTTP1_WANT_FRAMING | http1_want(HTTP1_FIELD_CONTENT_TYPE))

/* ---- requests ---- */

/* An exchange is a server's: requests come in, answers go out. */
#define ASKED    SIDE_IN
#define ANSWERED SIDE_OUT

/* A complete head. */
static struct fed request_began(struct flow *flow, const struct http1_request *request,
                                struct exchange *exchange, uint64_t now_ns)
{
    size_t length = request->head_length; /* once it is asked, the answer may lie there */
    struct http1_side *here = side_of(flow, ASKED);
    struct http1_body *body = &here->body;
    if (exchange)
        http1_exchange_begin(exchange, &flow->peer, flow_began_ns(flow, ASKED, now_ns));
    http1_body_of_request(body, request);
    if (!flow_ask(flow, exchange, http1_method(request->method), body->state == HTTP1_BODY_DONE))
        return lost();
    if (body->framing == HTTP1_LENGTH)
        flow_request_bytes(flow, body->remaining);
    if (body->state == HTTP1_BODY_BAD)
        return lost();
    if (body->state == HTTP1_BODY_MORE)
        expect_body(flow, ASKED, here);
    return used(length);
}

/* Here and below not inlined: what feeds bytes has no frame of its own. */
__attribute__((noinline)) static struct fed take_request(struct flow *flow, enum side side,
                                                         struct slice bytes, uint64_t now_ns)
{
    (void)side;
    struct exchange *exchange = exchange_take();
    union http1_head *head = head_of(exchange);
    enum parse parsed =
        head ? http1_parse_request(bytes, REQUEST_WANTS, &head->request) : PARSE_BAD;
    struct fed fed;
    if (__builtin_expect(parsed == PARSE_OK, 1)) {
        fed = request_began(flow, &head->request, exchange, now_ns);
    } else {
        if (exchange)
            exchange_put_back(exchange);
        fed = not_parsed(flow, ASKED, bytes, parsed);
    }
    give_head(exchange, head);
    return fed;
}

/* ---- responses ---- */

static void response_over(struct flow *flow, const struct http1_side *here, uint64_t now_ns)
{
    flow->is_framed = false;
    bool last = here->body.framing == HTTP1_UNTIL_CLOSE || here->body.framing == HTTP1_TUNNEL;
    flow_over(flow, here->body.seen_bytes, last ? FLOW_TAIL_NONE : FLOW_TAIL_NEXT, now_ns);
}

/* A refusal answers half a head, or none in time; other answers, a request that was not seen. */
__attribute__((cold)) static struct fed answers_nothing(struct flow *flow,
                                                        const struct http1_response *response)
{
    if (response->status >= 400)
        return (struct fed){0, NEXT_OVER};
    flow_answers_nothing(flow);
    return lost();
}

/* A complete head, to the request of that entry; 0: to none. */
static struct fed response_began(struct flow *flow, const struct http1_response *response,
                                 uint32_t entry, struct exchange *exchange, uint64_t now_ns)
{
    size_t length = response->head_length; /* once it is over, the next head may lie there */
    struct http1_side *here = side_of(flow, ANSWERED);
    struct http1_body *body = &here->body;
    if (!entry)
        return answers_nothing(flow, response);
    if (http1_is_interim(response))
        return used(length);
    if (exchange)
        http1_exchange_answered(exchange);

    http1_body_of_response(body, response, (enum http1_method)FLOW_NOTE(entry));
    /* RFC 9110, 7.8 and 9.3.6. */
    if (body->framing == HTTP1_TUNNEL)
        flow_switches(flow);
    if (body->state == HTTP1_BODY_BAD)
        return lost();
    if (body->state == HTTP1_BODY_DONE || body->framing == HTTP1_TUNNEL) {
        response_over(flow, here, now_ns);
    } else {
        expect_body(flow, ANSWERED, here);
        flow->is_framed = body->framing == HTTP1_CHUNKED;
        flow_answer_goes_on(entry);
    }
    return used(length);
}

__attribute__((noinline)) static struct fed take_response(struct flow *flow, enum side side,
                                                          struct slice bytes, uint64_t now_ns)
{
    (void)side;
    uint32_t entry = flow_front(flow);
    struct exchange *exchange = pipeline_exchange(entry);
    union http1_head *head = head_of(exchange);
    enum parse parsed =
        head ? http1_parse_response(bytes, RESPONSE_WANTS, &head->response) : PARSE_BAD;
    struct fed fed = __builtin_expect(parsed == PARSE_OK, 1)
                         ? response_began(flow, &head->response, entry, exchange, now_ns)
                         : not_parsed(flow, ANSWERED, bytes, parsed);
    give_head(exchange, head);
    return fed;
}

/* ---- bytes ---- */

#define HOPED_BYTES 32 /* of a head: by then it is one, or hopeless */

/* A head that comes in pieces: how long it is, 0 while it is not complete. */
__attribute__((noinline)) static size_t find_kept(const struct flow *flow, enum side side,
                                                  struct slice bytes)
{
    struct http1_side *here = side_of(flow, side);
    size_t scanned = here->scanned;
    size_t length;
    bool found = http1_find_head(bytes, &scanned, &length) == PARSE_OK;
    here->scanned = found ? 0 : (uint32_t)scanned;
    return found ? length : 0;
}

static struct fed take_head(struct flow *flow, enum side side, struct slice bytes, uint64_t now_ns)
{
    return flow_asks(flow, side) ? take_request(flow, side, bytes, now_ns)
                                 : take_response(flow, side, bytes, now_ns);
}

__attribute__((noinline)) static struct fed take_kept(struct flow *flow, enum side side,
                                                      struct slice bytes, uint64_t now_ns)
{
    size_t length = find_kept(flow, side, bytes);
    if (!length) {
        bool hopeful = flow->side[side].kept >= HOPED_BYTES || !hopeless(flow, side, bytes);
        return hopeful ? used(0) : lost();
    }
    bytes.length = length;
    return take_head(flow, side, bytes, now_ns);
}

__attribute__((always_inline)) static inline enum next
body_fed(struct flow *flow, enum side side, struct http1_side *here, uint64_t now_ns)
{
    bool asks = flow_asks(flow, side);
    if (asks && here->body.framing == HTTP1_CHUNKED)
        flow_request_bytes(flow, here->body.seen_bytes);
    if (here->body.state == HTTP1_BODY_MORE)
        return NEXT_MORE;
    expect_head(flow, side, here);
    if (here->body.state == HTTP1_BODY_BAD)
        return NEXT_LOST;
    if (asks)
        flow_request_whole(flow);
    else
        response_over(flow, here, now_ns);
    return NEXT_MORE;
}

__attribute__((noinline)) static struct fed take_body(struct flow *flow, enum side side,
                                                      struct slice bytes, uint64_t now_ns)
{
    struct http1_side *here = side_of(flow, side);
    size_t consumed = http1_body_feed(&here->body, bytes);
    return (struct fed){consumed, body_fed(flow, side, here, now_ns)};
}

static struct fed feed(struct flow *flow, enum side side, struct slice bytes, uint64_t now_ns)
{
    struct http1_side *here = side_of(flow, side);
    if (here->in_body)
        return take_body(flow, side, bytes, now_ns);
    if (head_is_kept(&flow->side[side].place))
        return take_kept(flow, side, bytes, now_ns);
    expect_head(flow, side, here);
    return take_head(flow, side, bytes, now_ns);
}

static enum next skip(struct flow *flow, enum side side, uint64_t bytes, uint64_t now_ns)
{
    struct http1_side *here = side_of(flow, side);
    if (!here->in_body)
        return NEXT_LOST;
    http1_body_skip(&here->body, bytes);
    return body_fed(flow, side, here, now_ns);
}

static uint64_t unneeded(const struct flow *flow)
{
    return http1_body_data_ahead(&side_of(flow, SIDE_OUT)->body);
}

/* A server's; where its role is not known, of a known method, because nobody said that it is HTTP.
 */
static enum sure detect(const struct flow *flow, enum side side, struct slice first)
{
    if (hopeless(flow, side, first))
        return SURE_NO;
    if (flow_role(flow) == FLOW_SERVER || http1_detect_request(first) == PARSE_OK)
        return SURE_YES;
    return method_may_begin(first) ? SURE_MAYBE : SURE_NO;
}

/* Where responses go, or come from. */
static enum side answering(const struct flow *flow)
{
    return flow_asks(flow, SIDE_IN) ? SIDE_OUT : SIDE_IN;
}

/* What is counted of a body that goes on is not its size. */
static void forget_partial_body(struct flow *flow)
{
    const struct http1_side *here = side_of(flow, answering(flow) == SIDE_IN ? SIDE_OUT : SIDE_IN);
    if (here->in_body && here->body.framing == HTTP1_CHUNKED)
        flow_request_bytes(flow, 0);
}

static void end(struct flow *flow, enum flow_end how, uint64_t now_ns)
{
    if (how == FLOW_LOST) {
        forget_partial_body(flow);
        return;
    }
    struct http1_side *here = side_of(flow, answering(flow));
    if (!here->in_body)
        return;
    if (here->body.framing == HTTP1_UNTIL_CLOSE) {
        expect_head(flow, answering(flow), here);
        flow_over(flow, here->body.seen_bytes, FLOW_TAIL_CLOSE, now_ns);
    } else if (how == FLOW_CLOSED) {
        flow->answered_bytes = here->body.seen_bytes;
    }
}

const struct protocol http1_protocol = {
    .name = "http/1",
    .roles = PROTOCOL_ROLE(FLOW_SERVER),
    .scope = SPAN_SCOPE_HTTP,
    .state_bytes = sizeof(struct http1_flow),
    .detect = detect,
    .feed = feed,
    .skip = skip,
    .unneeded = unneeded,
    .end = end,
};
