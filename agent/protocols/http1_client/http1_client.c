// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http1_client/http1_client.h"

#include "agent/describe/method.h"
#include "agent/net/flow.h"
#include "agent/protocols/http/http1_telemetry.h"
#include "agent/protocols/http/http_call.h"
#include "agent/protocols/http1/http1_body.h"
#include "agent/work/with_sdk.h"

struct http1_client_side {
    struct http1_body body;
    uint32_t scanned; /* of a head that is kept, by http1_find_head() */
    bool in_body;     /* else a head begins here, or is kept */
    bool expects;     /* a 100 before the body: a request's */
};

#define WAITING_MOST PIPELINE_LENGTH

/* A request that waits for its answer: its enum http1_method, and whether it has a call. Calls may
 * be fewer, because of memory. */
#define WAITING_METHOD 3u
#define WAITING_CALL   4u

struct http1_client {
    struct http1_client_side side[2];
    uint32_t asked;    /* requests, since the beginning: these wrap */
    uint32_t answered; /* likewise those of them that are over */
    uint8_t waiting[WAITING_MOST];
};

/* A client's: requests go out, answers come in. */
#define ASKED    SIDE_OUT
#define ANSWERED SIDE_IN

static struct http1_client *client_of(const struct flow *flow)
{
    return flow_state(flow);
}

static struct http1_client_side *side_of(const struct flow *flow, enum side side)
{
    return &client_of(flow)->side[side];
}

static struct fed used(size_t bytes)
{
    return (struct fed){bytes, NEXT_MORE};
}

static struct fed lost(void)
{
    return (struct fed){0, NEXT_LOST};
}

/* ---- which requests wait ---- */

static bool is_any_waiting(const struct http1_client *client)
{
    return client->asked != client->answered;
}

static unsigned oldest_waiting(const struct http1_client *client)
{
    return client->waiting[client->answered % WAITING_MOST];
}

/* The call whose answer comes; NULL: there is none. */
static struct call *answered_call(struct flow *flow)
{
    const struct http1_client *client = client_of(flow);
    bool has_call = is_any_waiting(client) && oldest_waiting(client) & WAITING_CALL;
    return has_call ? flow_oldest_call(flow) : NULL;
}

/* The call whose request goes out; NULL: there is none, or it is answered. */
static struct call *asked_call(struct flow *flow)
{
    const struct http1_client *client = client_of(flow);
    bool has_call = is_any_waiting(client) &&
                    client->waiting[(client->asked - 1) % WAITING_MOST] & WAITING_CALL;
    return has_call ? flow_newest_call(flow) : NULL;
}

/* ---- heads ---- */

/* Could a head begin like this? Asked while one is incomplete, so that what is not HTTP does not
 * fill buffers. */
static bool is_hopeless(const struct flow *flow, enum side side, struct slice bytes)
{
    return (flow_asks(flow, side) ? http1_detect_request(bytes) : http1_detect_response(bytes)) ==
           PARSE_BAD;
}

/* Here begins no head that is complete. */
static struct fed not_parsed(const struct flow *flow, enum side side, struct slice bytes,
                             enum parse parsed)
{
    bool kept = head_is_kept(&flow->side[side].place); /* then it was found to be complete */
    bool more = parsed == PARSE_MORE && !kept && !is_hopeless(flow, side, bytes);
    return more ? used(0) : lost();
}

/* ---- requests ---- */

/* NULL: it has none. */
static struct call *begin_call(struct flow *flow, const struct http1_request *request,
                               uint64_t now_ns)
{
    enum telemetry telemetry = http1_telemetry(request);
    if (!telemetry)
        return flow_call(flow, flow_began_ns(flow, ASKED, now_ns));
    with_sdk_telemetry_goes(telemetry);
    return NULL;
}

/* Its call, NULL where there is none, goes to *call. */
__attribute__((noinline)) static struct fed request_began(struct flow *flow,
                                                          const struct http1_request *request,
                                                          struct call **call, uint64_t now_ns)
{
    struct http1_client *client = client_of(flow);
    struct http1_client_side *here = &client->side[ASKED];
    unsigned waiting = http1_method(request->method);
    http1_body_of_own_request(&here->body, request);
    if (client->asked - client->answered == WAITING_MOST)
        return lost();

    *call = begin_call(flow, request, now_ns);
    if (*call) {
        waiting |= WAITING_CALL;
        http_call(*call)->minor = request->minor;
        (*call)->connected_ns = flow->connected_ns;
        if (here->body.framing == HTTP1_LENGTH)
            http_call(*call)->request_bytes = here->body.remaining;
    }
    flow->connected_ns = 0; /* the first request's alone */
    client->waiting[client->asked++ % WAITING_MOST] = (uint8_t)waiting;
    if (here->body.state == HTTP1_BODY_BAD)
        return lost();
    here->in_body = here->body.state == HTTP1_BODY_MORE;
    here->expects = http1_field(&request->fields, HTTP1_FIELD_EXPECT).length != 0;
    return used(request->head_length);
}

/* Heads are parsed in a page, here and below, because the caller's stack may be small. Steps that
 * go deep come one after the other, for the same reason. */
__attribute__((noinline)) static struct fed take_request(struct flow *flow, struct slice bytes,
                                                         uint64_t now_ns)
{
    struct client_page *room = client_page_take();
    if (!room)
        return lost();
    struct http1_request *request = &http_call_head(room)->request;
    struct call *call = NULL;
    enum parse parsed = http1_parse_request(bytes, HTTP1_WANT_ALL, request);
    struct fed fed = parsed == PARSE_OK ? request_began(flow, request, &call, now_ns)
                                        : not_parsed(flow, ASKED, bytes, parsed);
    if (call)
        http_call_asked(call, request, &flow->peer, room);
    client_page_give(room);
    return fed;
}

/* ---- answers ---- */

static void answer_over(struct flow *flow, uint64_t now_ns)
{
    struct call *call = answered_call(flow);
    client_of(flow)->answered++;
    if (!call)
        return;
    http_call(call)->response_bytes = side_of(flow, ANSWERED)->body.seen_bytes;
    http_call_answered(call);
    flow_call_over(flow, now_ns);
}

/* Else what goes into a tunnel has begun before it was known to be one. */
static bool asks_nothing(const struct flow *flow)
{
    return !is_any_waiting(client_of(flow)) && !side_of(flow, ASKED)->in_body &&
           !head_is_kept(&flow->side[ASKED].place);
}

static struct fed answer_began(struct flow *flow, const struct http1_response *response,
                               uint64_t now_ns)
{
    struct http1_client_side *here = side_of(flow, ANSWERED);
    size_t length = response->head_length;
    struct call *call = answered_call(flow);
    if (call && !call->first_byte_ns)
        call->first_byte_ns = flow_began_ns(flow, ANSWERED, now_ns);
    if (http1_is_interim(response))
        return used(length);
    if (call) {
        http_call(call)->status = (uint16_t)response->status;
        http_call(call)->minor = response->minor;
    }
    unsigned method = oldest_waiting(client_of(flow)) & WAITING_METHOD;
    http1_body_of_foreign_response(&here->body, response, (enum http1_method)method);
    if (here->body.state == HTTP1_BODY_BAD)
        return lost();
    here->in_body = here->body.state == HTTP1_BODY_MORE;
    if (here->in_body)
        return used(length);
    bool switches = here->body.framing == HTTP1_TUNNEL;
    answer_over(flow, now_ns);
    if (!switches)
        return used(length);
    bool is_tunnel = method == HTTP1_METHOD_CONNECT && asks_nothing(flow);
    return (struct fed){length, is_tunnel ? NEXT_ANEW : NEXT_OVER};
}

__attribute__((noinline)) static struct fed take_answer(struct flow *flow, struct slice bytes,
                                                        uint64_t now_ns)
{
    struct client_page *room = client_page_take();
    if (!room)
        return lost();
    struct http1_response *response = &http_call_head(room)->response;
    enum parse parsed = http1_parse_response(bytes, HTTP1_WANT_ALL, response);
    struct fed fed = parsed == PARSE_OK ? answer_began(flow, response, now_ns)
                                        : not_parsed(flow, ANSWERED, bytes, parsed);
    client_page_give(room);
    return fed;
}

/* To a request that is on its way it comes before that is known. Else a server that wants to close
 * an idle connection says so (408); what it says is no answer to what is asked next. */
static struct fed answers_nothing(const struct flow *flow)
{
    return flow_is_sending(flow) ? used(0) : (struct fed){0, NEXT_OVER};
}

/* ---- bytes ---- */

static struct fed take_head(struct flow *flow, enum side side, struct slice bytes, uint64_t now_ns)
{
    return side == ASKED ? take_request(flow, bytes, now_ns) : take_answer(flow, bytes, now_ns);
}

#define HOPED_BYTES 32 /* of a head: by then it is one, or hopeless */

/* A head that comes in pieces: how long it is, 0 while it is not complete. */
__attribute__((noinline)) static size_t find_kept(const struct flow *flow, enum side side,
                                                  struct slice bytes)
{
    struct http1_client_side *here = side_of(flow, side);
    size_t scanned = here->scanned;
    size_t length;
    bool found = http1_find_head(bytes, &scanned, &length) == PARSE_OK;
    here->scanned = found ? 0 : (uint32_t)scanned;
    return found ? length : 0;
}

static struct fed take_kept(struct flow *flow, enum side side, struct slice bytes, uint64_t now_ns)
{
    size_t length = find_kept(flow, side, bytes);
    if (length)
        return take_head(flow, side, (struct slice){bytes.at, length}, now_ns);
    bool hopeful = flow->side[side].kept >= HOPED_BYTES || !is_hopeless(flow, side, bytes);
    return hopeful ? used(0) : lost();
}

/* A part of a body went by. */
static enum next body_fed(struct flow *flow, enum side side, uint64_t now_ns)
{
    struct http1_client_side *here = side_of(flow, side);
    struct call *call = side == ASKED ? asked_call(flow) : NULL;
    if (call && here->body.framing == HTTP1_CHUNKED)
        http_call(call)->request_bytes = here->body.seen_bytes;
    if (here->body.state == HTTP1_BODY_MORE)
        return NEXT_MORE;
    here->in_body = false;
    if (here->body.state == HTTP1_BODY_BAD)
        return NEXT_LOST;
    if (side == ANSWERED)
        answer_over(flow, now_ns);
    return NEXT_MORE;
}

/* Who awaits a 100 and is refused may send the body or keep it, and ask on: all is answered, and
 * nothing of it went out. */
static bool may_ask_on(const struct flow *flow, enum side side)
{
    const struct http1_client_side *here = side_of(flow, side);
    return here->expects && !here->body.seen_bytes && !here->body.chunk_step &&
           !is_any_waiting(client_of(flow));
}

static struct fed feed(struct flow *flow, enum side side, struct slice bytes, uint64_t now_ns)
{
    struct http1_client_side *here = side_of(flow, side);
    if (here->in_body) {
        if (may_ask_on(flow, side))
            return lost();
        size_t consumed = http1_body_feed(&here->body, bytes);
        return (struct fed){consumed, body_fed(flow, side, now_ns)};
    }
    if (side == ANSWERED && !is_any_waiting(client_of(flow)))
        return answers_nothing(flow);
    return head_is_kept(&flow->side[side].place) ? take_kept(flow, side, bytes, now_ns)
                                                 : take_head(flow, side, bytes, now_ns);
}

static enum next skip(struct flow *flow, enum side side, uint64_t bytes, uint64_t now_ns)
{
    struct http1_client_side *here = side_of(flow, side);
    if (!here->in_body)
        return NEXT_LOST;
    http1_body_skip(&here->body, bytes);
    return body_fed(flow, side, now_ns);
}

/* Nobody said that it is HTTP: so it is where a line is complete; one that is too long to be waited
 * for is a known method's, and so is one that is not complete between a pair of sockets, of which
 * most carry a byte that wakes somebody. A server does not speak first. */
static enum sure detect(const struct flow *flow, enum side side, struct slice first)
{
    bool asks = flow_asks(flow, side);
    enum parse parsed = asks ? http1_detect_request(first) : http1_detect_response(first);
    if (parsed == PARSE_BAD || (!asks && !flow_is_sending(flow)))
        return SURE_NO;
    if (parsed == PARSE_OK)
        return SURE_YES;
    bool is_short = first.length < FLOW_DETECT_BYTES;
    if (asks && (!is_short || flow_role(flow) == FLOW_UNKNOWN) && !method_may_begin(first))
        return SURE_NO;
    return is_short ? SURE_MAYBE : SURE_YES;
}

/* What is counted of what goes on is not its size. */
static void forget_partial_bodies(struct flow *flow)
{
    const struct http1_client_side *asked = side_of(flow, ASKED);
    struct call *call = asked_call(flow);
    if (call && asked->in_body && asked->body.framing == HTTP1_CHUNKED)
        http_call(call)->request_bytes = 0;
    call = answered_call(flow);
    if (call)
        http_call(call)->response_bytes = HTTP_CALL_UNSEEN;
}

/* What is known of the answer that was cut off; and where it lasts until then, it is over. */
static void end(struct flow *flow, enum flow_end how, uint64_t now_ns)
{
    const struct http1_client_side *here = side_of(flow, ANSWERED);
    struct call *call = answered_call(flow);
    bool is_end = how == FLOW_CLOSED || (how == FLOW_ENDED && !flow_error(flow));
    if (here->in_body && here->body.framing == HTTP1_UNTIL_CLOSE && is_end) {
        answer_over(flow, now_ns);
        call = answered_call(flow);
    } else if (call && here->in_body) {
        http_call(call)->response_bytes = here->body.seen_bytes;
    }
    if (how == FLOW_LOST)
        forget_partial_bodies(flow);
    if (call)
        http_call_told(call);
}

const struct protocol http1_client_protocol = {
    .name = "http/1 client",
    .roles = PROTOCOL_ROLE(FLOW_CLIENT),
    .scope = SPAN_SCOPE_HTTP,
    .state_bytes = sizeof(struct http1_client),
    .detect = detect,
    .feed = feed,
    .skip = skip,
    .end = end,
};
