// SPDX-License-Identifier: Apache-2.0
/* What the encoder wrote is read back with protobuf-c's own decoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "exporter/otlp/otlp.h"
#include "exporter/otlp/otlp.pb-c.h"
#include "tests/unit/exporter/exporter_sample.h"

#define OFFSET_NS 1700000000000000000

static struct otlp otlp;
static struct config config;
static _Alignas(8) unsigned char memory[OTLP_RECORD_BYTES_MOST];
static Otlp__Request *request; /* what the last decode() gave */

static int begin_batch(void **state)
{
    (void)state;
    config = sample_config();
    return otlp_init(&otlp, &config) ? 0 : -1;
}

static int end_batch(void **state)
{
    (void)state;
    if (request)
        otlp__request__free_unpacked(request, NULL);
    request = NULL;
    arena_unmap(&otlp.arena);
    return 0;
}

static void add(const struct span_record *record)
{
    assert_true(otlp_add(&otlp, record, record->length, OFFSET_NS));
}

static Otlp__ResourceSpans *decode(void)
{
    struct otlp_body body;
    otlp_finish(&otlp, SLICE_LITERAL("\x0a\x05\x0a\x03key"), &body);
    unsigned char *all = malloc(body.bytes);
    size_t at = 0;
    for (int i = 0; i < body.count; i++) {
        memcpy(all + at, body.pieces[i].iov_base, body.pieces[i].iov_len);
        at += body.pieces[i].iov_len;
    }
    assert_int_equal(at, body.bytes);
    if (request)
        otlp__request__free_unpacked(request, NULL);
    request = otlp__request__unpack(NULL, at, all);
    free(all);
    assert_non_null(request);
    assert_int_equal(request->n_resource_spans, 1);
    return request->resource_spans[0];
}

static Otlp__Span *decode_one(void)
{
    Otlp__ResourceSpans *resource = decode();
    assert_int_equal(resource->n_scope_spans, 1);
    assert_int_equal(resource->scope_spans[0]->n_spans, 1);
    return resource->scope_spans[0]->spans[0];
}

static Otlp__AnyValue *find(Otlp__KeyValue **attributes, size_t count, const char *key)
{
    Otlp__AnyValue *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(attributes[i]->key, key) == 0) {
            assert_null(found); /* keys are unique */
            found = attributes[i]->value;
        }
    return found;
}

static void has_text(const Otlp__Span *span, const char *key, const char *text)
{
    Otlp__AnyValue *value = find(span->attributes, span->n_attributes, key);
    assert_non_null(value);
    assert_int_equal(value->value_case, OTLP__ANY_VALUE__VALUE_STRING_VALUE);
    assert_string_equal(value->string_value, text);
}

static void has_integer(const Otlp__Span *span, const char *key, int64_t integer)
{
    Otlp__AnyValue *value = find(span->attributes, span->n_attributes, key);
    assert_non_null(value);
    assert_int_equal(value->value_case, OTLP__ANY_VALUE__VALUE_INT_VALUE);
    assert_int_equal(value->int_value, integer);
}

static bool has(const Otlp__Span *span, const char *key)
{
    return find(span->attributes, span->n_attributes, key) != NULL;
}

static struct span begin(enum span_scope scope)
{
    struct span_context self = sample_context(1, 2);
    struct span span;
    span_begin(&span, memory, sizeof memory, scope, SPAN_KIND_CLIENT, &self, NULL, 10);
    span_name(&span, SLICE_LITERAL("name"));
    span_end(&span, 20);
    return span;
}

static void a_server_span_is_decoded_field_by_field(void **state)
{
    (void)state;
    add(sample_server_span(memory, sizeof memory));
    Otlp__ResourceSpans *resource = decode();
    Otlp__ScopeSpans *scope = resource->scope_spans[0];
    Otlp__Span *span = decode_one();
    struct span_context context = sample_context(0xa1, 0xb2);
    struct span_context parent = sample_context(0xa1, 0xc3);

    resource = request->resource_spans[0];
    scope = resource->scope_spans[0];
    assert_string_equal(resource->schema_url, OTLP_SCHEMA_URL);
    assert_string_equal(resource->resource->attributes[0]->key, "key");
    assert_string_equal(scope->schema_url, OTLP_SCHEMA_URL);
    assert_string_equal(scope->scope->name, "otelagent.http");
    assert_string_equal(scope->scope->version, OTELAGENT_VERSION);
    assert_int_equal(span->trace_id.len, 16);
    assert_memory_equal(span->trace_id.data, context.trace_id, 16);
    assert_int_equal(span->span_id.len, 8);
    assert_memory_equal(span->span_id.data, context.span_id, 8);
    assert_int_equal(span->parent_span_id.len, 8);
    assert_memory_equal(span->parent_span_id.data, parent.span_id, 8);
    assert_string_equal(span->name, "GET /products/{id}");
    assert_int_equal(span->kind, SPAN_KIND_SERVER);
    assert_int_equal(span->start_time_unix_nano, OFFSET_NS + 1000);
    assert_int_equal(span->end_time_unix_nano, OFFSET_NS + 2500000);
    assert_int_equal(span->flags, 0x303);
    assert_null(span->status);
    assert_int_equal(span->dropped_attributes_count, 0);
    has_text(span, "http.request.method", "GET");
    has_text(span, "http.method", "GET");
    has_text(span, "client.address", "192.0.2.7");
    has_text(span, "http.remote_addr", "192.0.2.7");
    has_text(span, "http.client_ip", "192.0.2.7");
    has_text(span, "http.target", "/products/17?page=2&sort=name");
    has_text(span, "request.id", "0f8fad5b-d9cb-469f");
    has_integer(span, "http.response.status_code", 200);
    has_integer(span, "http.status_code", 200);
    has_integer(span, "http.request.body.size", 0);
    has_integer(span, "thread.id", 4711);
}

static void stable_names_alone_leave_out_the_older_ones(void **state)
{
    (void)state;
    config.semconv = SEMCONV_DATABASE_OLDER;
    add(sample_server_span(memory, sizeof memory));
    Otlp__Span *span = decode_one();
    assert_true(has(span, "http.request.method"));
    assert_true(has(span, "http.route"));
    assert_true(has(span, "request.id"));
    assert_false(has(span, "http.method"));
    assert_false(has(span, "http.target")); /* there is no stable one */
    assert_false(has(span, "http.client_ip"));
}

static void each_scope_follows_its_own_switch(void **state)
{
    (void)state;
    config.semconv = SEMCONV_HTTP_OLDER;
    for (int scope = 0; scope < SPAN_SCOPE_COUNT; scope++) {
        struct span span = begin((enum span_scope)scope);
        span_string(&span, ATTRIBUTE_DB_SYSTEM_NAME, SLICE_LITERAL("mysql"));
        add(span.record);
    }
    Otlp__ResourceSpans *resource = decode();
    assert_int_equal(resource->n_scope_spans, SPAN_SCOPE_COUNT);
    assert_string_equal(resource->scope_spans[SPAN_SCOPE_MYSQL]->scope->name, "otelagent.mysql");
    assert_string_equal(resource->scope_spans[SPAN_SCOPE_CURL]->scope->name, "otelagent.curl");
    for (int scope = 0; scope < SPAN_SCOPE_COUNT; scope++) {
        const Otlp__Span *span = resource->scope_spans[scope]->spans[0];
        bool of_database = scope != SPAN_SCOPE_HTTP && scope != SPAN_SCOPE_CURL;
        assert_true(has(span, "db.system.name"));
        assert_true(has(span, "db.system") == !of_database);
    }
}

static void errors_events_and_links_come_with_the_span(void **state)
{
    (void)state;
    struct span_context other = sample_context(7, 8);
    struct span span = begin(SPAN_SCOPE_MYSQL);
    span_tracestate(&span, SLICE_LITERAL("vendor=1"));
    span_integer(&span, ATTRIBUTE_DB_ATTEMPT, -2);
    span_error(&span, SLICE_LITERAL("Deadlock found"));
    span_event(&span, EVENT_EXCEPTION, 15);
    span_string(&span, ATTRIBUTE_EXCEPTION_TYPE, SLICE_LITERAL("40001"));
    span_link(&span, &other);
    span_string(&span, ATTRIBUTE_EXCEPTION_MESSAGE, SLICE_LITERAL("Deadlock"));
    span_event(&span, EVENT_DB_RETRY, 16);
    span_integer(&span, ATTRIBUTE_BACKOFF_MS, 50);
    add(span.record);

    Otlp__Span *out = decode_one();
    assert_string_equal(out->trace_state, "vendor=1");
    assert_int_equal(out->parent_span_id.len, 0);
    assert_int_equal(out->flags, 0x103);
    assert_int_equal(out->status->code, SPAN_STATUS_ERROR);
    assert_string_equal(out->status->message, "Deadlock found");
    has_integer(out, "db.attempt", -2);
    Otlp__AnyValue *error = find(out->attributes, out->n_attributes, "error");
    assert_int_equal(error->value_case, OTLP__ANY_VALUE__VALUE_BOOL_VALUE);
    assert_true(error->bool_value);
    assert_false(has(out, "exception.type"));

    assert_int_equal(out->n_events, 2);
    assert_string_equal(out->events[0]->name, "exception");
    assert_int_equal(out->events[0]->time_unix_nano, OFFSET_NS + 15);
    assert_int_equal(out->events[0]->n_attributes, 2);
    assert_string_equal(out->events[0]->attributes[1]->value->string_value, "Deadlock");
    assert_string_equal(out->events[1]->name, "db_retry");
    assert_int_equal(out->events[1]->attributes[0]->value->int_value, 50);
    assert_int_equal(out->n_links, 1);
    assert_memory_equal(out->links[0]->trace_id.data, other.trace_id, 16);
    assert_memory_equal(out->links[0]->span_id.data, other.span_id, 8);
}

static void a_limit_leaves_out_long_texts_and_headers_first(void **state)
{
    (void)state;
    config.attribute_count_limit = 6;
    struct span span = begin(SPAN_SCOPE_HTTP);
    span_string(&span, ATTRIBUTE_HTTP_REQUEST_METHOD, SLICE_LITERAL("GET")); /* two names */
    span_string(&span, ATTRIBUTE_URL_PATH, SLICE_LITERAL("/a"));
    span_string(&span, ATTRIBUTE_URL_QUERY, SLICE_LITERAL("b"));
    span_header(&span, true, SLICE_LITERAL("x-tag"), SLICE_LITERAL("c"));
    span_integer(&span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, 503); /* two names */
    span_string(&span, ATTRIBUTE_ERROR_TYPE, SLICE_LITERAL("503"));
    add(span.record);
    Otlp__Span *out = decode_one();
    assert_int_equal(out->n_attributes, 6);
    has_text(out, "http.request.method", "GET");
    has_text(out, "url.path", "/a");
    has_text(out, "error.type", "503");
    assert_int_equal(out->dropped_attributes_count, 2);
}

static void what_is_beyond_a_limit_is_counted(void **state)
{
    (void)state;
    struct span_context other = sample_context(7, 8);
    config.attribute_value_length_limit = 4;
    config.attribute_count_limit = 3;
    config.event_count_limit = 1;
    config.event_attribute_count_limit = 1;
    config.link_count_limit = 2;
    struct span span = begin(SPAN_SCOPE_HTTP);
    span_string(&span, ATTRIBUTE_HTTP_ROUTE,
                SLICE_LITERAL("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"));
    span_integer(&span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, 200); /* two names */
    span_integer(&span, ATTRIBUTE_SERVER_PORT, 80);                /* two beyond the limit */
    for (int i = 0; i < 3; i++) {
        span_link(&span, &other);
        span_event(&span, EVENT_DB_RETRY, 16);
        span_integer(&span, ATTRIBUTE_BACKOFF_MS, 50);
        span_string(&span, ATTRIBUTE_ERROR_TYPE, SLICE_LITERAL("x"));
    }
    span.record->dropped_attributes = 5;
    add(span.record);

    Otlp__Span *out = decode_one();
    assert_int_equal(out->n_attributes, 3);
    has_text(out, "http.route", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    assert_int_equal(out->dropped_attributes_count, 7);
    assert_int_equal(out->n_events, 1);
    assert_int_equal(out->dropped_events_count, 2);
    assert_int_equal(out->events[0]->n_attributes, 1);
    assert_int_equal(out->events[0]->dropped_attributes_count, 1);
    assert_int_equal(out->n_links, 2);
    assert_int_equal(out->dropped_links_count, 1);
}

static void captured_headers_are_arrays_with_unique_keys(void **state)
{
    (void)state;
    struct span span = begin(SPAN_SCOPE_HTTP);
    span_header(&span, true, SLICE_LITERAL("X-Tag"), SLICE_LITERAL("a"));
    span_header(&span, false, SLICE_LITERAL("X-Tag"), SLICE_LITERAL("r"));
    span_header(&span, true, SLICE_LITERAL("x-tag"), SLICE_LITERAL("b\xff"));
    add(span.record);

    Otlp__Span *out = decode_one();
    assert_int_equal(out->n_attributes, 2);
    Otlp__AnyValue *tags = find(out->attributes, out->n_attributes, "http.request.header.x-tag");
    assert_int_equal(tags->value_case, OTLP__ANY_VALUE__VALUE_ARRAY_VALUE);
    assert_int_equal(tags->array_value->n_values, 2);
    assert_string_equal(tags->array_value->values[0]->string_value, "a");
    assert_string_equal(tags->array_value->values[1]->string_value, "b\xef\xbf\xbd");
    tags = find(out->attributes, out->n_attributes, "http.response.header.x-tag");
    assert_string_equal(tags->array_value->values[0]->string_value, "r");
}

/* Sizes around those at which a length takes one, two or three bytes. */
static void spans_of_every_size_keep_their_borders(void **state)
{
    (void)state;
    static char text[30000];
    memset(text, 'x', sizeof text);
    static const size_t sizes[] = {0,   1,   20,    60,    100,   127,  128,
                                   129, 200, 16000, 16380, 16384, 30000};
    size_t count = sizeof sizes / sizeof *sizes;
    for (size_t i = 0; i < count; i++) {
        struct span span = begin(SPAN_SCOPE_CURL);
        span_event(&span, EVENT_EXCEPTION, 1);
        span_string(&span, ATTRIBUTE_EXCEPTION_STACKTRACE, (struct slice){text, sizes[i]});
        add(span.record);
    }
    Otlp__ScopeSpans *scope = decode()->scope_spans[0];
    assert_int_equal(scope->n_spans, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(strlen(scope->spans[i]->events[0]->attributes[0]->value->string_value),
                         sizes[i]);
}

static void a_batch_is_full_before_its_memory_is(void **state)
{
    (void)state;
    /* Every byte grows to three under three names: nothing takes more. */
    struct span span = begin(SPAN_SCOPE_HTTP);
    static char text[24000];
    memset(text, 0xff, sizeof text);
    span_string(&span, ATTRIBUTE_CLIENT_ADDRESS, (struct slice){text, sizeof text});
    while (span.record->length + 64 < OTLP_RECORD_BYTES_MOST)
        span_string(&span, ATTRIBUTE_CLIENT_ADDRESS, SLICE_LITERAL(""));
    config.attribute_count_limit = INT32_MAX;
    unsigned count = 0;
    for (; otlp_room(&otlp); count++)
        add(span.record);
    assert_in_range(count, 2, 100);
    Otlp__ResourceSpans *resource = decode();
    assert_int_equal(resource->scope_spans[0]->n_spans, count);

    otlp_clear(&otlp);
    assert_true(otlp_room(&otlp));
    assert_int_equal(otlp.spans, 0);
    assert_int_equal(decode()->n_scope_spans, 0);
}

static void damaged_records_are_refused_or_end_early(void **state)
{
    (void)state;
    const struct span_record *good = sample_server_span(memory, sizeof memory);
    struct span_record *record = (struct span_record *)memory;
    uint32_t length = good->length;
    assert_false(otlp_add(&otlp, record, 16, 0));
    assert_false(otlp_add(&otlp, record, length - 8, 0)); /* says it is longer than it is */
    record->scope = SPAN_SCOPE_COUNT;
    assert_false(otlp_add(&otlp, record, length, 0));
    assert_int_equal(otlp.spans, 0);

    record->scope = SPAN_SCOPE_HTTP;
    srand(1);
    for (int i = 0; i < 20000; i++) {
        sample_server_span(memory, sizeof memory);
        for (int flips = 0; flips < 4; flips++)
            memory[sizeof *record + (size_t)rand() % (length - sizeof *record)] =
                (unsigned char)rand();
        otlp_clear(&otlp);
        assert_true(otlp_add(&otlp, record, length, 0));
        decode_one();
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_batch, end_batch)
    const struct CMUnitTest tests[] = {
        TEST(a_server_span_is_decoded_field_by_field),
        TEST(stable_names_alone_leave_out_the_older_ones),
        TEST(each_scope_follows_its_own_switch),
        TEST(errors_events_and_links_come_with_the_span),
        TEST(what_is_beyond_a_limit_is_counted),
        TEST(a_limit_leaves_out_long_texts_and_headers_first),
        TEST(captured_headers_are_arrays_with_unique_keys),
        TEST(spans_of_every_size_keep_their_borders),
        TEST(a_batch_is_full_before_its_memory_is),
        TEST(damaged_records_are_refused_or_end_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
