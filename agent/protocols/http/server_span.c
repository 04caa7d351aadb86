// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/server_span.h"

#include "agent/base/url.h"
#include "agent/describe/http_facts.h"
#include "agent/describe/method.h"
#include "agent/protocols/http/forwarded.h"
#include "agent/protocols/http/http_settings.h"
#include "agent/text/redact.h"
#include "agent/text/redact_words.h"
#include "agent/work/context.h"

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

#define TEXT_BYTES (2048 + REDACT_WORK_BYTES) /* of what is redacted */

/* What lies in the scratch memory. */
struct working {
    struct forwarded_lines lines;
    struct forwarded forwarded;
    struct target target;
    struct url url;
    struct http_facts_writing writing;
    bool masked; /* something was hidden */
    _Alignas(8) char text[TEXT_BYTES];
};

_Static_assert(sizeof(struct working) <= EXCHANGE_SCRATCH_BYTES, "an exchange has enough");

static struct working *working_of(const struct exchange *exchange)
{
    return (struct working *)(void *)exchange_scratch(exchange);
}

/* What the request before had, and was found to hide nothing: a client says the same each time. */
struct kept_text {
    uint16_t length; /* 0: none */
    char text[254];
};

struct kept {
    struct kept_text authority;
    struct kept_text agent;
};

_Static_assert(sizeof(struct kept) <= EXCHANGE_KEPT_BYTES, "an exchange has enough");

static bool is_kept(const struct kept_text *kept, struct slice text)
{
    return text.at && text.length && text.length == kept->length &&
           memcmp(kept->text, text.at, kept->length) == 0;
}

static void keep(struct kept_text *kept, struct slice text)
{
    if (!text.at || text.length > sizeof kept->text)
        return;
    kept->length = (uint16_t)text.length;
    memcpy(kept->text, text.at, text.length);
}

/* Who was asked, as the first proxy saw it, else as the target (which overrides Host: RFC 9112,
 * 3.2.2), else as Host says. */
static struct slice asked(const struct http1_request *request, const struct working *working,
                          const struct forwarded *forwarded)
{
    if (forwarded->host.at)
        return forwarded->authority;
    return working->target.authority.at ? working->target.authority
                                        : http1_field(&request->fields, HTTP1_FIELD_HOST);
}

/* Absent where it is malformed, or names a secret: what is no host may be anything. */
__attribute__((noinline)) static struct slice
look_at_authority(struct slice authority, struct kept_text *kept, bool *masked)
{
    struct slice host;
    uint16_t port;
    if (!url_host_port(authority, &host, &port))
        return SLICE_NONE;
    if (is_secret(host)) {
        *masked = true;
        return SLICE_NONE;
    }
    keep(kept, authority);
    return authority;
}

static struct slice shown_authority(struct slice authority, struct kept_text *kept, bool *masked)
{
    return is_kept(kept, authority) ? authority : look_at_authority(authority, kept, masked);
}

__attribute__((noinline)) static struct slice look_at_agent(struct slice agent, struct kept *kept,
                                                            struct working *working)
{
    struct slice shown = redact_value(&redact_of_process, agent, working->text, TEXT_BYTES);
    if (shown.at != agent.at)
        working->masked = true;
    else if (agent.at)
        keep(&kept->agent, agent);
    return shown;
}

static struct slice shown_agent(struct slice agent, struct kept *kept, struct working *working)
{
    return is_kept(&kept->agent, agent) ? agent : look_at_agent(agent, kept, working);
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

static void find_target(const struct http1_request *request, struct working *working)
{
    struct target *target = &working->target;
    read_target(request, target, &working->url);
    const char *told = target->origin.at;
    if (told)
        target->origin =
            redact_target(&redact_of_process, target->origin, working->text, TEXT_BYTES);
    working->masked = target->origin.at != told;
}

/* As forwarded_read() has it: one of four, or none. */
static uint8_t scheme_number(struct slice scheme)
{
    if (!scheme.at)
        return HTTP_SCHEME_HTTP;
    bool secure = scheme.at[scheme.length - 1] == 's' && scheme.length != 2;
    return (uint8_t)((scheme.at[0] == 'w' ? HTTP_SCHEME_WS : HTTP_SCHEME_HTTP) + secure);
}

/* Where a limit says how much of a text is wanted, the rest of path and query takes no room. */
__attribute__((cold, noinline)) static void tell_limited_origin(struct http_facts_writing *writing,
                                                                struct slice origin, uint32_t most)
{
    size_t path_length = slice_find(origin, '?');
    struct slice query = slice_after(origin, path_length);
    http_facts_text(writing, HTTP_TEXT_ORIGIN, (struct slice){origin.at, path_length},
                    most > SPAN_PATH_BYTES ? most : SPAN_PATH_BYTES);
    uint16_t path_bytes = writing->facts->lengths[HTTP_TEXT_ORIGIN];
    http_facts_text(writing, HTTP_TEXT_ORIGIN, query, most);
    writing->facts->lengths[HTTP_TEXT_ORIGIN] += path_bytes;
}

static void tell_origin(struct http_facts_writing *writing, struct slice origin)
{
    uint32_t most = span_text_most();
    if (__builtin_expect(most < HTTP_ORIGIN_BYTES / 2 && origin.at, 0))
        tell_limited_origin(writing, origin, most);
    else
        http_facts_text(writing, HTTP_TEXT_ORIGIN, origin, HTTP_ORIGIN_BYTES);
}

static uint32_t agent_most(void)
{
    uint32_t most = span_text_most();
    return most < HTTP_AGENT_BYTES ? most : HTTP_AGENT_BYTES;
}

/* Apart from the steps before and behind it, because the caller's stack may be small, and redaction
 * and what reads addresses go deep: they have not to lie below this frame. */
__attribute__((noinline)) static void begin_facts(struct span *span,
                                                  const struct http1_request *request,
                                                  const struct forwarded *forwarded,
                                                  const struct peer *peer, struct working *working,
                                                  struct kept *kept)
{
    struct http_facts_writing *writing = &working->writing;
    http_facts_begin(writing, span);
    struct http_facts *facts = writing->facts;
    if (!facts)
        return;
    facts->request_bytes = 0;
    facts->response_bytes = HTTP_UNSEEN;
    facts->peer = *peer;
    facts->thread_id = 0;
    facts->status = 0;
    facts->method = (uint8_t)method_number(request->method);
    facts->scheme = scheme_number(forwarded->scheme);
    facts->minor = request->minor;
    facts->reserved = 0;
    struct slice method = SLICE_NONE;
    if (!facts->method)
        method = method_shown(request->method, &working->masked);
    http_facts_text(writing, HTTP_TEXT_METHOD, method, SPAN_KEPT_BYTES);
    http_facts_text(
        writing, HTTP_TEXT_AUTHORITY,
        shown_authority(asked(request, working, forwarded), &kept->authority, &working->masked),
        HTTP_AUTHORITY_BYTES);
    /* The target is written first: others' text will lie where its does. */
    tell_origin(writing, working->target.origin);
    http_facts_asked(writing);
    http_facts_text(writing, HTTP_TEXT_CLIENT, forwarded->client, SPAN_KEPT_BYTES);
}

__attribute__((noinline)) static void end_facts(struct span *span,
                                                const struct http1_request *request,
                                                struct working *working, struct kept *kept)
{
    struct http_facts_writing *writing = &working->writing;
    if (!writing->facts)
        return;
    http_facts_text(
        writing, HTTP_TEXT_AGENT,
        shown_agent(http1_field(&request->fields, HTTP1_FIELD_USER_AGENT), kept, working),
        agent_most());
    struct slice thread = SLICE_NONE;
    if (http_settings.tells_thread) {
        writing->facts->thread_id = (uint32_t)context_thread_id();
        thread = context_thread_name();
    }
    http_facts_text(writing, HTTP_TEXT_THREAD, thread, SPAN_KEPT_BYTES);
    http_facts_end(writing, span);
}

void server_span_request(struct exchange *exchange, const struct http1_request *request,
                         const struct peer *peer)
{
    struct working *working = working_of(exchange);
    struct kept *kept = exchange_kept(exchange);
    struct span *span = &exchange->span;
    find_target(request, working);
    begin_facts(span, request, read_forwarded(&request->fields, working), peer, working, kept);
    end_facts(span, request, working, kept);
    if (working->masked)
        span_masked(span);
    capture_fields(&http_settings.request_capture, &redact_of_process, &request->fields, span,
                   working->text);
}

void server_span_response(struct exchange *exchange, const struct http1_response *response)
{
    struct span *span = &exchange->span;
    span_string(span, ATTRIBUTE_HTTP_CONTENT_TYPE,
                span_short(http1_field(&response->fields, HTTP1_FIELD_CONTENT_TYPE)));
    capture_fields(&http_settings.response_capture, &redact_of_process, &response->fields, span,
                   working_of(exchange)->text);
}

static struct slice finish_span(struct exchange *exchange, uint64_t response_body_bytes,
                                struct slice error_type)
{
    const struct span_record *record = exchange->span.record;
    if (!record->facts_at)
        return error_type;
    struct http_facts *facts = span_facts(record);
    facts->request_bytes = exchange_request_bytes(exchange);
    if (reading_is_answered(&exchange->reading)) {
        facts->status = exchange->status;
        facts->response_bytes = response_body_bytes; /* EXCHANGE_UNSEEN, perhaps */
    }
    return error_type;
}

_Static_assert(HTTP_UNSEEN == EXCHANGE_UNSEEN, "one number for it");
_Static_assert(CAPTURE_SCRATCH_BYTES <= TEXT_BYTES, "it fits");

const struct exchange_kind server_span_exchange = {SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, finish_span};
