// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/server_span.h"

#include "agent/base/peer.h"
#include "agent/base/url.h"
#include "agent/describe/method.h"
#include "agent/protocols/http/forwarded.h"
#include "agent/protocols/http/http_settings.h"
#include "agent/text/redact.h"
#include "agent/text/redact_words.h"
#include "agent/work/context.h"

static void describe_peer(struct span *span, const struct peer *peer,
                          const struct forwarded *forwarded, char text[PEER_TEXT_BYTES])
{
    struct slice address = peer_format(peer, text);
    span_string(span, ATTRIBUTE_CLIENT_ADDRESS, forwarded->client.at ? forwarded->client : address);
    span_string(span, ATTRIBUTE_NETWORK_PEER_ADDRESS, address);
    if (address.at)
        span_integer(span, ATTRIBUTE_NETWORK_PEER_PORT, peer->port);
}

/* The first line of that name that says anything. */
static struct slice first_line(const struct http1_fields *fields, enum http1_field field)
{
    struct slice value = http1_field(fields, field);
    if (value.length || !(fields->repeated & 1u << field))
        return value;
    struct slice lines = fields->lines;
    while (http1_next_value(&lines, field, &value))
        if (value.length)
            break;
    return value;
}

/* Apart, here and below, because few requests need it and all have the frame. */
__attribute__((noinline)) static void find_forwarded_lines(const struct http1_fields *fields,
                                                           struct forwarded_lines *into)
{
    into->forwarded = first_line(fields, HTTP1_FIELD_FORWARDED);
    into->x_for = first_line(fields, HTTP1_FIELD_X_FORWARDED_FOR);
    into->x_proto = first_line(fields, HTTP1_FIELD_X_FORWARDED_PROTO);
    into->x_host = first_line(fields, HTTP1_FIELD_X_FORWARDED_HOST);
}

/* A target in the parts that a span tells (RFC 9112, 3.2). */
struct target {
    struct slice origin;    /* path and query, or `*`; absent for CONNECT and what is no target */
    struct slice authority; /* of absolute and authority form; else absent */
};

__attribute__((noinline)) static void read_other_target(const struct http1_request *request,
                                                        struct target *target, struct url *url)
{
    struct slice text = request->target;
    target->origin = SLICE_NONE;
    if (http1_method(request->method) == HTTP1_METHOD_CONNECT) {
        target->authority = text;
    } else if (url_split(text, url)) {
        target->authority = url->authority;
        size_t before = (size_t)(url->path.at - text.at);
        target->origin =
            url->path.length || url->query.at ? slice_after(text, before) : SLICE_LITERAL("/");
    }
}

static void read_target(const struct http1_request *request, struct target *target, struct url *url)
{
    struct slice text = request->target;
    *target = (struct target){.origin = text, .authority = SLICE_NONE};
    if (text.at[0] == '/' || slice_equal(text, SLICE_LITERAL("*")))
        return;
    read_other_target(request, target, url);
}

#define SECRET_LEAST 15 /* bytes of the shortest that is a host, too: xoxb- and ten more */

/* Some put a token where the host belongs. Few hosts are that long, so it costs others nothing. */
static bool is_secret(struct slice host)
{
    return host.length >= SECRET_LEAST && !redact_words_shapeless(&redact_of_process, host);
}

/* Who was asked, as the first proxy saw it, else as the target (which overrides Host: RFC 9112,
 * 3.2.2), else as Host says. Returns the authority as written; absent where it is malformed or a
 * secret by its shape. */
static struct slice describe_server(struct span *span, const struct forwarded *forwarded,
                                    struct slice target_authority, struct slice host_field)
{
    struct slice authority = forwarded->authority;
    struct slice host = forwarded->host;
    uint16_t port = forwarded->port;
    if (!host.at) {
        authority = target_authority.at ? target_authority : host_field;
        if (!url_host_port(authority, &host, &port))
            return SLICE_NONE;
    }
    if (is_secret(host)) {
        span_masked(span);
        return SLICE_NONE;
    }
    span_string(span, ATTRIBUTE_SERVER_ADDRESS, span_short(host));
    if (port)
        span_integer(span, ATTRIBUTE_SERVER_PORT, port);
    return authority;
}

#define TEXT_BYTES (2048 + REDACT_WORK_BYTES) /* of what is redacted */

/* What lies in the scratch memory. */
struct working {
    struct forwarded_lines lines;
    struct forwarded forwarded;
    struct target target;
    struct url url;
    char address[PEER_TEXT_BYTES];
    _Alignas(8) char text[TEXT_BYTES];
};

_Static_assert(sizeof(struct working) <= SERVER_SPAN_SCRATCH_BYTES, "it fits");

static struct working *working_in(char scratch[SERVER_SPAN_SCRATCH_BYTES])
{
    return (struct working *)(void *)scratch;
}

static void describe_target(struct span *span, struct slice origin, struct slice scheme,
                            struct slice authority)
{
    if (!origin.at)
        return;
    size_t path_length = slice_find(origin, '?');
    struct slice path = {origin.at, path_length};
    span_string(span, ATTRIBUTE_URL_PATH, path_length ? path : SLICE_LITERAL("/"));
    if (path_length < origin.length)
        span_string(span, ATTRIBUTE_URL_QUERY, slice_after(origin, path_length + 1));
    span_string(span, ATTRIBUTE_URL_SCHEME, scheme);
    if (!http_settings.older_names)
        return; /* what nobody will see would take others' room */
    span_string(span, ATTRIBUTE_HTTP_TARGET, origin);
    if (authority.length && origin.length && (origin.at[0] == '/' || origin.at[0] == '?')) {
        const struct slice parts[] = {scheme, SLICE_LITERAL("://"), authority, origin};
        span_joined(span, ATTRIBUTE_HTTP_URL, parts, 4);
    }
}

static const struct forwarded *read_forwarded(const struct http1_fields *fields,
                                              struct working *working)
{
    static const struct forwarded none;
    const uint32_t any = 1u << HTTP1_FIELD_FORWARDED | 1u << HTTP1_FIELD_X_FORWARDED_FOR |
                         1u << HTTP1_FIELD_X_FORWARDED_PROTO | 1u << HTTP1_FIELD_X_FORWARDED_HOST;
    if (!(fields->present & any))
        return &none;
    find_forwarded_lines(fields, &working->lines);
    forwarded_read(&working->lines, &working->forwarded);
    return &working->forwarded;
}

/* Whether something in it is hidden. */
static bool find_target(const struct http1_request *request, struct working *working)
{
    struct target *target = &working->target;
    read_target(request, target, &working->url);
    const char *told = target->origin.at;
    if (told)
        target->origin =
            redact_target(&redact_of_process, target->origin, working->text, TEXT_BYTES);
    return target->origin.at != told;
}

/* Apart from the steps before and behind it, because the caller's stack may be small, and redaction
 * and what reads addresses go deep: they have not to lie below this frame. */
__attribute__((noinline)) static void
describe_request(struct span *span, const struct http1_request *request, const struct peer *peer,
                 const struct forwarded *forwarded, struct working *working)
{
    const struct target *target = &working->target;
    method_describe(span, request->method);
    struct slice authority = describe_server(span, forwarded, target->authority,
                                             http1_field(&request->fields, HTTP1_FIELD_HOST));
    describe_target(span, target->origin,
                    forwarded->scheme.at ? forwarded->scheme : SLICE_LITERAL("http"), authority);
    describe_peer(span, peer, forwarded, working->address);
    span_string(span, ATTRIBUTE_NETWORK_PROTOCOL_VERSION,
                request->minor ? SLICE_LITERAL("1.1") : SLICE_LITERAL("1.0"));
}

static void describe_others(struct span *span, const struct http1_request *request,
                            struct working *working)
{
    struct slice agent_name = http1_field(&request->fields, HTTP1_FIELD_USER_AGENT);
    span_shown(span, ATTRIBUTE_USER_AGENT_ORIGINAL, agent_name,
               redact_value(&redact_of_process, agent_name, working->text, TEXT_BYTES));
    span_integer(span, ATTRIBUTE_THREAD_ID, context_thread_id());
    span_string(span, ATTRIBUTE_THREAD_NAME, context_thread_name());
}

void server_span_request(struct span *span, const struct http1_request *request,
                         const struct peer *peer, char scratch[SERVER_SPAN_SCRATCH_BYTES])
{
    struct working *working = working_in(scratch);
    if (find_target(request, working))
        span_masked(span);
    const struct forwarded *forwarded = read_forwarded(&request->fields, working);
    describe_request(span, request, peer, forwarded, working);
    describe_others(span, request, working);
    capture_fields(&http_settings.request_capture, &redact_of_process, &request->fields, span,
                   working->text);
}

void server_span_response(struct span *span, const struct http1_response *response,
                          char scratch[SERVER_SPAN_SCRATCH_BYTES])
{
    span_string(span, ATTRIBUTE_HTTP_CONTENT_TYPE,
                span_short(http1_field(&response->fields, HTTP1_FIELD_CONTENT_TYPE)));
    capture_fields(&http_settings.response_capture, &redact_of_process, &response->fields, span,
                   working_in(scratch)->text);
}

/* Whatever cuts a path, what is left of it is so long that no route is guessed from it. */
_Static_assert(ROUTE_WHOLE_BYTES + 3 < SPAN_PATH_BYTES &&
                   ROUTE_WHOLE_BYTES + 3 < TEXT_BYTES - REDACT_WORK_BYTES,
               "a cut one is known");

_Static_assert(ROUTE_BYTES + ROUTE_PATH_BYTES <= TEXT_BYTES && CAPTURE_SCRATCH_BYTES <= TEXT_BYTES,
               "they fit");

/* May the path become a route? Redirects and refusals are what scanners get; the page they ask for
 * may not exist. 101: a page too. */
static bool makes_route(unsigned status)
{
    return status - 200 < 100 || status >= 500 || status == 101;
}

/* Apart, as its frame has not to lie below those that find the route. */
__attribute__((noinline)) static void set_name(struct span *span, struct slice route)
{
    struct slice method = method_in_name(span->record);
    if (!route.at) {
        span_name(span, method);
        return;
    }
    span_string(span, ATTRIBUTE_HTTP_ROUTE, route);
    const struct slice parts[] = {method, SLICE_LITERAL(" "), route};
    span_joined_name(span, parts, 3);
}

/* Name and route, from the method and path that the span carries. status: 0 where the request was
 * never answered. */
__attribute__((always_inline)) static inline void name_span(struct span *span, unsigned status,
                                                            char scratch[SERVER_SPAN_SCRATCH_BYTES])
{
    struct slice path = span_find_string(span->record, ATTRIBUTE_URL_PATH);
    char *text = working_in(scratch)->text;
    struct slice route = SLICE_NONE;
    if (path.at && path.at[0] == '/')
        route = route_of(&http_settings.route_patterns, &http_settings.route_tree, path,
                         makes_route(status), text, ROUTE_BYTES, text + ROUTE_BYTES);
    set_name(span, route);
}

void server_span_unanswered(struct span *span)
{
    static _Alignas(8) char scratch[SERVER_SPAN_SCRATCH_BYTES];
    name_span(span, 0, scratch);
}

static struct slice finish_span(struct exchange *exchange, uint64_t response_body_bytes,
                                struct slice error_type)
{
    struct span *span = &exchange->span;
    unsigned status = exchange->status;
    char *scratch = exchange_scratch(exchange);
    name_span(span, status, scratch);
    uint64_t request_bytes = exchange_request_bytes(exchange);
    if (request_bytes)
        span_integer(span, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE, (int64_t)request_bytes);
    if (reading_is_answered(&exchange->reading)) {
        span_integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, status);
        if (response_body_bytes != EXCHANGE_UNSEEN)
            span_integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE, (int64_t)response_body_bytes);
    }
    if (error_type.at || !config_status_in(&http_settings.server_errors, status))
        return error_type;
    for (size_t i = 3; i > 0; i--, status /= 10)
        scratch[i - 1] = (char)('0' + status % 10);
    return (struct slice){scratch, 3};
}

const struct exchange_kind server_span_exchange = {SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, finish_span};
