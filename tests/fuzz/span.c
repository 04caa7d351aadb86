// SPDX-License-Identifier: Apache-2.0
/* Spans of texts of any length: what a span is read for is in it at the end, whatever came before,
 * nothing is written behind the record's memory, and what is dropped is counted.
 *
 * Input: two bytes of the memory's size, then items of three bytes: what is said, and two of how
 * long it is; the texts are made of the rest. */
#include <stdlib.h>
#include <string.h>

#include "agent/span/span.h"
#include "exporter/otlp/otlp.h"

#define TEXT_BYTES   70000
#define MEMORY_BYTES 12000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config config;
static struct otlp otlp;
static char text[TEXT_BYTES];

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static const char *nothing_set(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

/* Of a kind that a stranger chooses the length of. */
static void say(struct span *span, unsigned what, struct slice value)
{
    static const enum attribute texts[] = {
        ATTRIBUTE_URL_PATH,      ATTRIBUTE_URL_QUERY,     ATTRIBUTE_HTTP_TARGET,
        ATTRIBUTE_REQUEST_ID,    ATTRIBUTE_AWS_S3_KEY,    ATTRIBUTE_USER_AGENT_ORIGINAL,
        ATTRIBUTE_DB_QUERY_TEXT, ATTRIBUTE_ERROR_MESSAGE, ATTRIBUTE_EXCEPTION_MESSAGE,
    };
    const struct slice parts[] = {SLICE_LITERAL("http://"), value, value};
    switch (what % 5) {
    case 0:
        span_tracestate(span, value);
        return;
    case 1:
        span_header(span, what & 32, SLICE_LITERAL("X-Name"), value);
        return;
    case 2:
        span_header(span, what & 32, value, SLICE_LITERAL("value"));
        return;
    case 3:
        span_joined(span, ATTRIBUTE_HTTP_URL, parts, 3);
        return;
    default:
        span_string(span, texts[what / 5 % (sizeof texts / sizeof *texts)], value);
    }
}

static struct slice text_of(const uint8_t *length)
{
    return (struct slice){text, (size_t)length[0] | (size_t)length[1] << 8};
}

/* All that a span of a server says beside. */
static void say_the_rest(struct span *span, struct slice any)
{
    const struct slice parts[] = {SLICE_LITERAL("GET "), any};
    span_string(span, ATTRIBUTE_HTTP_ROUTE, any);
    span_joined_name(span, parts, 2);
    span_string(span, ATTRIBUTE_NETWORK_PEER_ADDRESS, SLICE_LITERAL("2001:db8:1:2:3:4:5:6"));
    span_integer(span, ATTRIBUTE_NETWORK_PEER_PORT, 1);
    span_integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, 503);
    span_string(span, ATTRIBUTE_ERROR_TYPE, SLICE_LITERAL("503"));
    span_error(span, any);
    span_event(span, EVENT_EXCEPTION, 2);
    span_string(span, ATTRIBUTE_EXCEPTION_TYPE, SLICE_LITERAL("CR_SERVER_LOST"));
    span_string(span, ATTRIBUTE_EXCEPTION_MESSAGE, any);
    span_end(span, 3);
}

static void check(const struct span_record *record, struct slice any)
{
    int64_t number = 0;
    size_t kept = any.length < 200 ? any.length : 200;
    struct slice name = span_find_name(record);
    struct slice route = span_find_string(record, ATTRIBUTE_HTTP_ROUTE);
    demand(name.length >= 4 + kept && memcmp(name.at + 4, any.at, kept) == 0);
    demand(route.length >= kept && memcmp(route.at, any.at, kept) == 0);
    demand(span_find_integer(record, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, &number));
    demand(span_find_integer(record, ATTRIBUTE_NETWORK_PEER_PORT, &number));
    demand(span_find_string(record, ATTRIBUTE_NETWORK_PEER_ADDRESS).length == 20);
    demand(span_find_string(record, ATTRIBUTE_ERROR_TYPE).length == 3);
    demand(span_find_string(record, ATTRIBUTE_EXCEPTION_TYPE).length == 14);
    demand(record->status == SPAN_STATUS_ERROR);
}

static size_t count_entries(const struct span_record *record)
{
    size_t count = 0;
    for (const struct span_entry *entry = span_next_entry(record, NULL); entry;
         entry = span_next_entry(record, entry))
        count++;
    return count;
}

static void encode(const struct span_record *record)
{
    struct otlp_body body;
    demand(otlp_add(&otlp, record, record->length, 1));
    otlp_finish(&otlp, SLICE_LITERAL(""), &body);
    otlp_clear(&otlp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span_context self = {.trace_id = {1}, .span_id = {2}};
    if (!config.attribute_count_limit)
        demand(config_parse(&config, nothing_set, NULL, NULL) && otlp_init(&otlp, &config));
    if (size < 8)
        return 0;
    size_t capacity = SPAN_BYTES_LEAST + ((size_t)data[0] | (size_t)data[1] << 8) % MEMORY_BYTES;
    const uint8_t *items = data + 5;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)data[i % size];

    capacity &= ~(size_t)7;
    void *memory = malloc(capacity); /* so that a byte too far is seen */
    demand(memory != NULL);
    struct span span;
    span_limit_texts(data[2] & 1 ? INT32_MAX : data[2]);
    span_begin(&span, memory, (uint32_t)capacity, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL,
               1);
    size_t said = 0;
    for (; (size_t)(data + size - items) >= 3; items += 3, said++)
        say(&span, items[0], text_of(items + 1));
    say_the_rest(&span, text_of(data + 3));
    check(span.record, text_of(data + 3));
    demand(span.record->length <= capacity);
    /* Those of say_the_rest(), with `error`, have been said, too. */
    demand(count_entries(span.record) + span.record->dropped_attributes == said + 11);
    encode(span.record);
    free(memory);
    return 0;
}
