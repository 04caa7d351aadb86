// SPDX-License-Identifier: Apache-2.0
#include "agent/describe/http_server.h"

#include "agent/base/url.h"
#include "agent/describe/http_facts.h"
#include "agent/describe/http_naming.h"
#include "agent/describe/method.h"

static const struct slice schemes[] = {{"http", 4}, {"https", 5}, {"ws", 2}, {"wss", 3}};

/* Facts in the parts that a span tells. */
struct told {
    const struct http_facts *facts;
    struct slice text[HTTP_TEXTS];
    struct slice scheme;
    struct slice method; /* as it stands in the name */
    struct slice path;   /* absent: there is none */
};

/* False: they are not whole. */
static bool read_facts(const struct span_entry *entry, struct told *told)
{
    const struct http_facts *facts = (const struct http_facts *)(const void *)entry->bytes;
    if (entry->length < HTTP_FACTS_BYTES)
        return false;
    size_t left = entry->length - HTTP_FACTS_BYTES;
    const char *at = facts->texts;
    told->facts = facts;
    for (int i = 0; i < HTTP_TEXTS; i++) {
        size_t length = facts->lengths[i];
        if (length == HTTP_ABSENT) {
            told->text[i] = SLICE_NONE;
            continue;
        }
        if (length > left)
            return false;
        told->text[i] = (struct slice){at, length};
        at += length;
        left -= length;
    }
    told->scheme = schemes[facts->scheme % (sizeof schemes / sizeof *schemes)];
    return true;
}

/* Who was asked. Absent where it is malformed. */
static struct slice describe_server(struct span *span, struct slice authority)
{
    struct slice host;
    uint16_t port;
    if (!url_host_port(authority, &host, &port))
        return SLICE_NONE;
    span_string(span, ATTRIBUTE_SERVER_ADDRESS, span_short(host));
    if (port)
        span_integer(span, ATTRIBUTE_SERVER_PORT, port);
    return authority;
}

static void describe_target(struct span *span, struct told *told, struct slice authority)
{
    struct slice origin = told->text[HTTP_TEXT_ORIGIN];
    told->path = SLICE_NONE;
    if (!origin.at)
        return;
    size_t path_length = slice_find(origin, '?');
    told->path = path_length ? (struct slice){origin.at, path_length} : SLICE_LITERAL("/");
    span_string(span, ATTRIBUTE_URL_PATH, told->path);
    if (path_length < origin.length)
        span_string(span, ATTRIBUTE_URL_QUERY, slice_after(origin, path_length + 1));
    span_string(span, ATTRIBUTE_URL_SCHEME, told->scheme);
    if (!http_naming.older_names)
        return; /* what nobody will see would take others' room */
    span_string(span, ATTRIBUTE_HTTP_TARGET, origin);
    if (authority.length && origin.length && (origin.at[0] == '/' || origin.at[0] == '?')) {
        const struct slice parts[] = {told->scheme, SLICE_LITERAL("://"), authority, origin};
        span_joined(span, ATTRIBUTE_HTTP_URL, parts, 4);
    }
}

static void describe_peer(struct span *span, const struct told *told)
{
    char text[PEER_TEXT_BYTES];
    const struct peer *peer = &told->facts->peer;
    struct slice client = told->text[HTTP_TEXT_CLIENT];
    struct slice address = peer_format(peer, text);
    span_string(span, ATTRIBUTE_CLIENT_ADDRESS, client.at ? client : address);
    span_string(span, ATTRIBUTE_NETWORK_PEER_ADDRESS, address);
    if (address.at)
        span_integer(span, ATTRIBUTE_NETWORK_PEER_PORT, peer->port);
}

static void describe_request(struct span *span, struct told *told)
{
    const struct http_facts *facts = told->facts;
    told->method = method_record(span, facts->method, told->text[HTTP_TEXT_METHOD]);
    struct slice authority = describe_server(span, told->text[HTTP_TEXT_AUTHORITY]);
    describe_target(span, told, authority);
    describe_peer(span, told);
    span_string(span, ATTRIBUTE_NETWORK_PROTOCOL_VERSION,
                facts->minor ? SLICE_LITERAL("1.1") : SLICE_LITERAL("1.0"));
    span_string(span, ATTRIBUTE_USER_AGENT_ORIGINAL, told->text[HTTP_TEXT_AGENT]);
    if (facts->thread_id)
        span_integer(span, ATTRIBUTE_THREAD_ID, facts->thread_id);
    span_string(span, ATTRIBUTE_THREAD_NAME, told->text[HTTP_TEXT_THREAD]);
}

/* Whatever cuts a path, what is left of it is so long that no route is guessed from it. */
_Static_assert(ROUTE_WHOLE_BYTES + 3 < HTTP_ORIGIN_BYTES, "a cut one is known");

/* May the path become a route? Redirects and refusals are what scanners get; the page they ask for
 * may not exist. 101: a page too. */
static bool makes_route(unsigned status)
{
    return status - 200 < 100 || status >= 500 || status == 101;
}

static void describe_name(struct span *span, const struct told *told)
{
    static char text[ROUTE_BYTES];
    static char scratch[ROUTE_PATH_BYTES];
    struct slice route = SLICE_NONE;
    if (told->path.at && told->path.at[0] == '/')
        route = route_of(&http_naming.route_patterns, &http_naming.route_tree, told->path,
                         makes_route(told->facts->status), text, sizeof text, scratch);
    if (!route.at) {
        span_name(span, told->method);
        return;
    }
    span_string(span, ATTRIBUTE_HTTP_ROUTE, route);
    const struct slice parts[] = {told->method, SLICE_LITERAL(" "), route};
    span_joined_name(span, parts, 3);
}

static void describe_error(struct span *span, unsigned status)
{
    char text[3];
    for (size_t i = sizeof text; i > 0; i--, status /= 10)
        text[i - 1] = (char)('0' + status % 10);
    span_string(span, ATTRIBUTE_ERROR_TYPE, (struct slice){text, sizeof text});
    span_error(span, SLICE_NONE);
}

static void describe_answer(struct span *span, const struct told *told)
{
    const struct http_facts *facts = told->facts;
    if (facts->request_bytes)
        span_integer(span, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE, (int64_t)facts->request_bytes);
    if (!facts->status)
        return;
    span_integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, facts->status);
    if (facts->response_bytes != HTTP_UNSEEN)
        span_integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE, (int64_t)facts->response_bytes);
    bool failed = span->record->status == SPAN_STATUS_ERROR; /* and its entries say why */
    if (!failed && config_status_in(&http_naming.server_errors, facts->status))
        describe_error(span, facts->status);
}

void http_server_describe(struct span *span, const struct span_entry *entry)
{
    struct told told;
    if (!read_facts(entry, &told))
        return;
    describe_request(span, &told);
    describe_name(span, &told);
    describe_answer(span, &told);
}
