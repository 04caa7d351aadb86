// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/http_call.h"

#include <sys/socket.h>

#include "agent/base/url.h"
#include "agent/describe/method.h"
#include "agent/text/redact.h"

#define FIRST_FAILED   400 /* statuses from here on are errors, to a client */
#define DEFAULT_PORT   80
#define URL_MOST       REDACT_BYTES /* a longer one is cut anyway */
#define AUTHORITY_MOST 512

/* Who is asked, and for what. */
struct target {
    struct slice url;  /* absent for CONNECT, which asks for no resource */
    struct slice host; /* absent: not known */
    uint16_t port;     /* 0: not known */
};

/* What lies behind the head in the page, because the caller's stack may be small. */
struct working {
    struct target target;
    struct url parts;
    struct slice address; /* the peer's; absent where it has none */
    char address_text[PEER_TEXT_BYTES];
    char url[URL_MOST];
};

_Static_assert(HTTP_CALL_HEAD_BYTES + sizeof(struct working) <= CLIENT_RECORD_BYTES,
               "a page has room for it");

/* ---- text that is put together ---- */

struct text {
    char *at;
    size_t length;
};

static void put(struct text *text, struct slice part)
{
    size_t room = URL_MOST - text->length;
    size_t length = part.length < room ? part.length : room;
    if (length)
        memcpy(text->at + text->length, part.at, length);
    text->length += length;
}

/* ---- */

/* Host, where it is one; else absent, as some clients of HTTP/1.0 send none. */
static struct slice find_authority(const struct http1_request *request)
{
    struct slice host_field = http1_field(&request->fields, HTTP1_FIELD_HOST);
    struct slice host;
    uint16_t port;
    if (host_field.length > AUTHORITY_MOST || !url_host_port(host_field, &host, &port))
        return SLICE_NONE;
    return host_field;
}

/* A URL of the peer's address, where the request does not say whom it asks. */
static void put_peer(struct text *text, struct slice address, const struct peer *peer)
{
    char digits[CLIENT_DECIMAL_BYTES];
    bool is_v6 = peer->family == AF_INET6;
    put(text, is_v6 ? SLICE_LITERAL("[") : SLICE_NONE);
    put(text, address);
    put(text, is_v6 ? SLICE_LITERAL("]") : SLICE_NONE);
    if (peer->port == DEFAULT_PORT)
        return;
    put(text, SLICE_LITERAL(":"));
    put(text, client_decimal(peer->port, digits));
}

/* RFC 9112, 3.3: of `*` the URL has no path. */
static void find_origin(struct working *working, const struct http1_request *request,
                        const struct peer *peer)
{
    struct target *target = &working->target;
    struct text text = {working->url, 0};
    struct slice authority = find_authority(request);
    uint16_t port = 0;
    put(&text, SLICE_LITERAL("http://"));
    target->port = peer->family == AF_UNIX ? 0 : DEFAULT_PORT;
    if (authority.at) {
        put(&text, authority);
        url_host_port(authority, &target->host, &port);
        target->port = port ? port : target->port;
    } else if (working->address.at) {
        put_peer(&text, working->address, peer);
        target->host = working->address;
        target->port = peer->port;
    } else {
        put(&text, SLICE_LITERAL("localhost"));
    }
    if (!slice_equal(request->target, SLICE_LITERAL("*")))
        put(&text, request->target);
    target->url = (struct slice){text.at, text.length};
}

static struct working *working_in(struct client_page *room)
{
    return (struct working *)(void *)(room->record + HTTP_CALL_HEAD_BYTES);
}

__attribute__((noinline)) void http_call_find(const struct http1_request *request,
                                              const struct peer *peer, struct client_page *room)
{
    struct working *working = working_in(room);
    struct target *target = &working->target;
    working->address = peer_format(peer, working->address_text);
    *target = (struct target){.url = SLICE_NONE, .host = SLICE_NONE};
    if (http1_method(request->method) == HTTP1_METHOD_CONNECT) {
        if (!url_host_port(request->target, &target->host, &target->port))
            target->host = SLICE_NONE;
    } else if (request->target.at[0] != '/' && url_split(request->target, &working->parts)) {
        *target = (struct target){request->target, working->parts.host, working->parts.port};
    } else {
        find_origin(working, request, peer);
    }
}

static void describe_peer(struct span *span, const struct peer *peer, struct slice address)
{
    if (peer->family == AF_UNIX)
        span_string(span, ATTRIBUTE_NETWORK_TRANSPORT, SLICE_LITERAL("unix"));
    if (!address.at)
        return;
    span_string(span, ATTRIBUTE_NETWORK_PEER_ADDRESS, address);
    span_integer(span, ATTRIBUTE_NETWORK_PEER_PORT, peer->port);
}

__attribute__((noinline)) void http_call_describe(struct call *call,
                                                  const struct http1_request *request,
                                                  const struct peer *peer, struct client_page *room)
{
    struct span *span = call_span(call);
    const struct working *working = working_in(room);
    span_name(span, method_describe(span, request->method));
    describe_peer(span, peer, working->address);
    if (working->target.host.at && working->target.port)
        span_integer(span, ATTRIBUTE_PEER_SERVER_PORT, working->target.port);
}

__attribute__((noinline)) void http_call_show_url(struct call *call, struct client_page *room)
{
    struct slice url = working_in(room)->target.url;
    if (url.at)
        span_shown(call_span(call), ATTRIBUTE_URL_FULL, url,
                   redact_url(&redact_of_process, url, room->scratch, sizeof room->scratch));
}

__attribute__((noinline)) void http_call_show_host(struct call *call, struct client_page *room)
{
    struct slice host = span_short(working_in(room)->target.host);
    if (host.at)
        span_shown(call_span(call), ATTRIBUTE_PEER_SERVER_ADDRESS, host,
                   redact_text(&redact_of_process, host, room->scratch, sizeof room->scratch));
}

void http_call_told(struct call *call)
{
    struct span *span = call_span(call);
    const struct http_call *said = http_call(call);
    if (!span)
        return;
    span_string(span, ATTRIBUTE_NETWORK_PROTOCOL_VERSION,
                said->minor ? SLICE_LITERAL("1.1") : SLICE_LITERAL("1.0"));
    if (said->request_bytes)
        span_integer(span, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE, (int64_t)said->request_bytes);
    if (!said->status)
        return;
    span_integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, said->status);
    if (said->response_bytes != HTTP_CALL_UNSEEN)
        span_integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE, (int64_t)said->response_bytes);
}

void http_call_answered(struct call *call)
{
    unsigned status = http_call(call)->status;
    char digits[CLIENT_DECIMAL_BYTES];
    http_call_told(call);
    if (call_span(call) && status >= FIRST_FAILED)
        client_span_error(call_span(call), client_decimal(status, digits), SLICE_NONE);
}
