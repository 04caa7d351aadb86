// SPDX-License-Identifier: Apache-2.0
#include "agent/describe/http_server.h"

#include <sys/socket.h>

#include "agent/base/url.h"
#include "agent/describe/facts.h"
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

/* NULL: they are not there. */
static const struct http_facts *facts_in(const struct span_entry *entry)
{
    const struct http_facts *facts = (const struct http_facts *)(const void *)entry->bytes;
    bool whole =
        entry->length >= HTTP_FACTS_BYTES && facts->asked_bytes <= entry->length - HTTP_FACTS_BYTES;
    return whole ? facts : NULL;
}

/* Each kind of texts by itself, so that what is said of one does not follow from the other. False:
 * they are not there. */
static bool read_asked(struct told *told)
{
    const struct http_facts *facts = told->facts;
    told->scheme = schemes[facts->scheme % (sizeof schemes / sizeof *schemes)];
    return facts_split(facts->texts, facts->asked_bytes, facts->lengths, HTTP_TEXTS_ASKED,
                       told->text);
}

static bool read_asking(struct told *told, const struct span_entry *entry)
{
    const struct http_facts *facts = told->facts;
    size_t asked = facts->asked_bytes;
    return facts_split(facts->texts + asked, entry->length - HTTP_FACTS_BYTES - asked,
                       facts->lengths + HTTP_TEXTS_ASKED, HTTP_TEXTS - HTTP_TEXTS_ASKED,
                       told->text + HTTP_TEXTS_ASKED);
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

/* What hardly repeats: a client has many ports, and a page many sizes. */
static unsigned find_numbers(const struct http_facts *facts,
                             struct describe_number numbers[DESCRIBE_NUMBERS])
{
    unsigned count = 0;
    if (facts->peer.family == AF_INET || facts->peer.family == AF_INET6)
        numbers[count++] = (struct describe_number){ATTRIBUTE_NETWORK_PEER_PORT, facts->peer.port};
    if (facts->request_bytes)
        numbers[count++] = (struct describe_number){ATTRIBUTE_HTTP_REQUEST_BODY_SIZE,
                                                    (int64_t)facts->request_bytes};
    if (facts->status && facts->response_bytes != HTTP_UNSEEN)
        numbers[count++] = (struct describe_number){ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE,
                                                    (int64_t)facts->response_bytes};
    return count;
}

static void describe_client(struct span *span, const struct told *told)
{
    const struct http_facts *facts = told->facts;
    char text[PEER_TEXT_BYTES];
    struct slice client = told->text[HTTP_TEXT_CLIENT];
    struct slice address = peer_format(&facts->peer, text);
    span_string(span, ATTRIBUTE_CLIENT_ADDRESS, client.at ? client : address);
    span_string(span, ATTRIBUTE_NETWORK_PEER_ADDRESS, address);
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

/* False: the next one may get a name where this one has none, or is to be counted like it. */
static bool describe_name(struct span *span, const struct told *told)
{
    static char text[ROUTE_BYTES];
    static char scratch[ROUTE_PATH_BYTES];
    struct slice route = SLICE_NONE;
    bool admit = makes_route(told->facts->status);
    bool asks = told->path.at && told->path.at[0] == '/';
    if (asks)
        route = route_of(&http_naming.route_patterns, &http_naming.route_tree, told->path, admit,
                         text, sizeof text, scratch);
    if (!route.at) {
        span_name(span, told->method);
        return !asks || !admit;
    }
    span_string(span, ATTRIBUTE_HTTP_ROUTE, route);
    const struct slice parts[] = {told->method, SLICE_LITERAL(" "), route};
    span_joined_name(span, parts, 3);
    return true;
}

static void describe_error(struct span *span, unsigned status)
{
    char text[3];
    for (size_t i = sizeof text; i > 0; i--, status /= 10)
        text[i - 1] = (char)('0' + status % 10);
    span_string(span, ATTRIBUTE_ERROR_TYPE, (struct slice){text, sizeof text});
    span_error(span, SLICE_NONE);
}

static void describe_answer(struct span *span, const struct http_facts *facts)
{
    if (!facts->status)
        return;
    span_integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, facts->status);
    bool failed = span->record->status == SPAN_STATUS_ERROR; /* and its entries say why */
    if (!failed && config_status_in(&http_naming.server_errors, facts->status))
        describe_error(span, facts->status);
}

/* What was asked for, and what was answered. False: the next time it may get a route. */
static bool describe_page(struct span *span, struct told *told)
{
    const struct http_facts *facts = told->facts;
    told->method = method_record(span, facts->method, told->text[HTTP_TEXT_METHOD]);
    struct slice authority = describe_server(span, told->text[HTTP_TEXT_AUTHORITY]);
    describe_target(span, told, authority);
    bool lasts = describe_name(span, told);
    describe_answer(span, facts);
    return lasts;
}

void http_server_describe(struct span *span, const struct span_entry *entry)
{
    struct told told = {.facts = facts_in(entry)};
    struct describe_number numbers[DESCRIBE_NUMBERS];
    if (!told.facts)
        return;
    unsigned count = find_numbers(told.facts, numbers);
    for (unsigned i = 0; i < count; i++)
        span_integer(span, numbers[i].attribute, numbers[i].value);
    if (read_asking(&told, entry))
        describe_client(span, &told);
    if (read_asked(&told))
        describe_page(span, &told);
}

/* ---- in parts ---- */

enum part { PART_CLIENT, PART_PAGE };

_Static_assert(PART_PAGE == DESCRIBE_PARTS - 1, "the name is in the last one");

static uint64_t pack(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return a | b << 16 | c << 32 | d << 48;
}

/* Where the content type follows it belongs to the page: it is nearly always the same. */
static struct slice take_content_type(struct describe_plan *plan, const struct span_record *record)
{
    const struct span_entry *entry = plan->rest;
    if (!entry || entry->kind != SPAN_ENTRY_STRING ||
        entry->number != ATTRIBUTE_HTTP_CONTENT_TYPE || entry->length > SPAN_KEPT_BYTES)
        return SLICE_NONE;
    plan->rest = span_next_entry(record, entry);
    return span_entry_text(entry);
}

bool http_server_plan(const struct span_record *record, struct describe_plan *plan)
{
    const struct http_facts *facts = facts_in(plan->facts);
    if (!facts)
        return false;
    const uint16_t *lengths = facts->lengths;
    size_t asked = facts->asked_bytes;
    size_t asking = plan->facts->length - HTTP_FACTS_BYTES - asked;
    plan->number_count = find_numbers(facts, plan->numbers);
    struct slice type = take_content_type(plan, record);
    uint64_t kind = 1u + SPAN_FACTS_HTTP_SERVER + ((uint64_t)record->scope << 8);

    struct describe_key *client = &plan->keys[PART_CLIENT];
    client->words[0] = pack(kind, PART_CLIENT | (uint64_t)facts->minor << 8, facts->thread_id, 0);
    client->words[1] = pack(facts->peer.family, lengths[HTTP_TEXT_CLIENT], lengths[HTTP_TEXT_AGENT],
                            lengths[HTTP_TEXT_THREAD]);
    memcpy(&client->words[2], facts->peer.address, sizeof facts->peer.address);
    client->texts[0] = (struct slice){facts->texts + asked, asking};
    client->texts[1] = SLICE_NONE;

    struct describe_key *page = &plan->keys[PART_PAGE];
    page->words[0] = pack(kind, PART_PAGE | (uint64_t)record->status << 8,
                          facts->method | (uint64_t)facts->scheme << 8, facts->status);
    page->words[1] = pack(lengths[HTTP_TEXT_METHOD], lengths[HTTP_TEXT_AUTHORITY],
                          lengths[HTTP_TEXT_ORIGIN], type.at ? type.length : FACTS_ABSENT);
    page->words[2] = route_tree_age(&http_naming.route_tree);
    page->words[3] = 0;
    page->texts[0] = (struct slice){facts->texts, asked};
    page->texts[1] = type;
    return true;
}

bool http_server_part(struct span *span, const struct describe_plan *plan, unsigned part)
{
    struct told told = {.facts = facts_in(plan->facts)};
    if (!told.facts)
        return false;
    if (part == PART_CLIENT) {
        if (read_asking(&told, plan->facts))
            describe_client(span, &told);
        return true;
    }
    bool repeats = read_asked(&told) && describe_page(span, &told);
    span_string(span, ATTRIBUTE_HTTP_CONTENT_TYPE, plan->keys[PART_PAGE].texts[1]);
    return repeats;
}
