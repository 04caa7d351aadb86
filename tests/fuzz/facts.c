// SPDX-License-Identifier: Apache-2.0
/* Facts of requests that repeat each other, and of strangers: what the memo has of them is, byte
 * for byte, what describing them anew would have said at that moment, and the same is counted.
 *
 * Input: a byte of settings, then records: a byte each of what differs from the one before, and the
 * bytes that this takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/base/counters.h"
#include "agent/describe/http_facts.h"
#include "agent/describe/http_naming.h"
#include "exporter/otlp/otlp.h"

#define RECORD_BYTES 7168
#define TEXT_BYTES   4096
#define ROUTES       12 /* few, so that places fold and there is no room for more */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Who encodes: with a memo, or without. Each learns routes of its own. */
struct side {
    struct otlp otlp;
    struct http_naming naming;
    uint64_t storage[16384];
    uint64_t full; /* counted so far */
};

static struct config config;
static struct side with;
static struct side without;

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static const char *setting(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "OTEL_AGENT_HTTP_ROUTES") == 0 ? "/static/*,/shop/{name}.html" : NULL;
}

static void begin_side(struct side *side)
{
    demand(otlp_init(&side->otlp, &config));
    demand(route_tree_bytes(ROUTES) <= sizeof side->storage);
    memset(side->storage, 0, sizeof side->storage);
    side->naming = http_naming;
    route_tree_init(&side->naming.route_tree, side->storage, ROUTES, 7);
    side->full = 0;
}

/* The settings that change what is said of the same facts. */
static void begin(uint8_t settings)
{
    if (!config.attribute_count_limit) {
        demand(config_parse(&config, setting, NULL, NULL));
        demand(http_naming_prepare(&config));
    }
    config.semconv = settings & 1 ? SEMCONV_HTTP_OLDER : SEMCONV_DATABASE_OLDER;
    config.attribute_value_length_limit = settings & 2 ? 5 : INT32_MAX;
    config.attribute_count_limit = settings & 4 ? 9 : 128;
    http_naming.older_names = settings & 1;
    begin_side(&with);
    begin_side(&without);
    without.otlp.wire.memo.sets = NULL;
}

struct input {
    const uint8_t *at;
    const uint8_t *end;
};

static unsigned take(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

/* One of a few, or anything. */
static struct slice take_text(struct input *input, const char *const few[8], char room[TEXT_BYTES])
{
    unsigned choice = take(input);
    if (choice < 0xe0)
        return slice_of(few[choice % 8]);
    size_t length = choice < 0xf8 ? choice % 8 : (size_t)take(input) << (choice % 8) & 0xfff;
    for (size_t i = 0; i < length; i++)
        room[i] = (char)take(input);
    return (struct slice){room, length};
}

/* What a request says; the next one says the same but for what its byte tells. */
struct request {
    struct slice texts[HTTP_TEXTS];
    char rooms[HTTP_TEXTS][TEXT_BYTES];
    char path[16];
    uint8_t status; /* of the record */
    struct http_facts facts;
};

static const char *const few[HTTP_TEXTS][8] = {
    {NULL, "BREW", "bre\xff", "X", NULL, NULL, NULL, ""},
    {"shop.example:8080", "[::1]:80", "no host", NULL, "127.0.0.1", "", "a.example", "A.example"},
    {"/", "/products/17?page=2", "/static/a.css", "/shop/x.html", NULL, "*", "/a\xff/b", "?x"},
    {NULL, NULL, "192.0.2.7", "2001:db8::1", "unknown", NULL, "192.0.2.8", NULL},
    {"Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101", NULL, "curl/8.0", "curl/8.1",
     "\xc3\xa9t\xc3", "", NULL, "a"},
    {NULL, "worker", "worker-1", NULL, NULL, NULL, NULL, ""},
};

static void change(struct request *request, unsigned what, struct input *input)
{
    static const uint16_t statuses[] = {200, 404, 500, 0, 101, 302, 200, 65535};
    static const uint16_t families[] = {AF_INET, AF_INET6, AF_UNIX, 0};
    struct http_facts *facts = &request->facts;
    if (what & 1) {
        unsigned text = take(input) % HTTP_TEXTS;
        request->texts[text] = take_text(input, few[text], request->rooms[text]);
    }
    if (what & 2) { /* one of many pages */
        unsigned page = take(input);
        int length = snprintf(request->path, sizeof request->path, "/p%c/%c%c%s", 'a' + page % 3,
                              'a' + page / 3 % 26, 'a' + page / 78, page & 1 ? "/x" : "");
        request->texts[HTTP_TEXT_ORIGIN] = (struct slice){request->path, (size_t)length};
    }
    if (what & 4)
        facts->status = statuses[take(input) % 8];
    if (what & 8)
        facts->response_bytes = take(input) & 1 ? HTTP_UNSEEN : take(input) * 77u;
    if (what & 16) {
        facts->peer.family = families[take(input) % 4];
        facts->peer.port = (uint16_t)(take(input) << 8);
        facts->peer.address[take(input) % 16] = (uint8_t)take(input);
    }
    if (what & 32) {
        unsigned more = take(input);
        facts->method = (uint8_t)(more % 12);
        facts->scheme = (uint8_t)(more / 12 % 5);
        facts->minor = (uint8_t)(more & 1);
        facts->thread_id = more > 200 ? more << 20 : 0;
        facts->request_bytes = more & 2 ? more : 0;
        request->status = more > 250 ? SPAN_STATUS_ERROR : SPAN_STATUS_UNSET;
    }
}

static void say_the_rest(struct span *span, unsigned what, struct input *input)
{
    const struct span_context other = {.trace_id = {3}, .span_id = {4}};
    unsigned type = take(input) % 4;
    if (what & 1)
        span_masked(span);
    if (type)
        span_string(span, ATTRIBUTE_HTTP_CONTENT_TYPE,
                    slice_of(type == 1   ? "text/html"
                             : type == 2 ? "te\xffxt"
                                         : ""));
    if (what & 2)
        span_header(span, true, SLICE_LITERAL("X-A"), SLICE_LITERAL("value"));
    if (what & 4)
        span_link(span, &other);
    if (what & 8)
        span_error(span, SLICE_LITERAL("why"));
    if (what & 16)
        span_name(span, SLICE_LITERAL("another name"));
    if (what & 32) {
        span_event(span, EVENT_EXCEPTION, 5);
        span_string(span, ATTRIBUTE_EXCEPTION_TYPE, SLICE_LITERAL("E"));
    }
}

/* In memory of just its size, so that a byte too far is seen. */
static struct span_record *make(const struct request *request, unsigned rest, struct input *input)
{
    static _Alignas(8) unsigned char memory[RECORD_BYTES];
    static const struct span_process process = {.pid = 7};
    const struct span_context self = {.trace_id = {1}, .span_id = {2}, .flags = 3};
    struct span span;
    struct http_facts_writing writing;
    span_say_process(rest & 64 ? &process : NULL);
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self,
               rest & 1 ? &self : NULL, 100);
    span_say_process(NULL);
    if (rest & 128)
        span_tracestate(&span, SLICE_LITERAL("a=b"));
    http_facts_begin(&writing, &span);
    memcpy(writing.facts, &request->facts, HTTP_FACTS_BYTES);
    for (int i = 0; i < HTTP_TEXTS; i++) {
        if (i == HTTP_TEXTS_ASKED)
            http_facts_asked(&writing);
        http_facts_text(&writing, (enum http_text)i, request->texts[i], TEXT_BYTES);
    }
    http_facts_end(&writing, &span);
    say_the_rest(&span, rest, input);
    span.record->status |= request->status;
    span_end(&span, 200);

    struct span_record *record = malloc(span.record->length);
    demand(record != NULL);
    memcpy(record, span.record, span.record->length);
    return record;
}

/* As a stranger may leave it; only its length is known to be right. */
static void spoil(struct span_record *record, struct input *input)
{
    uint32_t length = record->length;
    unsigned char *bytes = (unsigned char *)record;
    for (unsigned i = take(input) % 8; i > 0; i--) {
        size_t at = (take(input) | (size_t)take(input) << 8) % length;
        bytes[at] = (unsigned char)take(input);
    }
    record->length = length;
}

/* Encodes it, and gives the batch's spans, which stay until the next. */
static struct slice encode(struct side *side, const struct span_record *record, bool *sound)
{
    struct otlp_part *part = &side->otlp.parts[record->scope % SPAN_SCOPE_COUNT];
    uint64_t full = counters_get(&counters.routes_full);
    http_naming = side->naming;
    otlp_clear(&side->otlp);
    *sound = otlp_add(&side->otlp, record, record->length, 1000);
    side->naming = http_naming;
    side->full += counters_get(&counters.routes_full) - full;
    return (struct slice){(const char *)part->spans, *sound ? part->used : 0};
}

static void compare(const struct span_record *record)
{
    bool sound[2];
    struct slice fast = encode(&with, record, &sound[0]);
    struct slice slow = encode(&without, record, &sound[1]);
    demand(sound[0] == sound[1] && slice_equal(fast, slow));
    demand(with.full == without.full);
    demand(route_tree_age(&with.naming.route_tree) == route_tree_age(&without.naming.route_tree));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct request request;
    struct input input = {data, data + size};
    memset(&request, 0, sizeof request);
    request.facts.method = 1;
    begin((uint8_t)take(&input));
    while (input.at < input.end) {
        unsigned what = take(&input);
        change(&request, what, &input);
        struct span_record *record = make(&request, what & 64 ? take(&input) : 0, &input);
        compare(record); /* maybe found anew */
        compare(record); /* and then remembered */
        if (what & 128) {
            spoil(record, &input);
            compare(record);
        }
        free(record);
    }
    return 0;
}
