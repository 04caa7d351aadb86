// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/span/span.h"

static const struct span_context self = {.trace_id = {1}, .span_id = {2}, .flags = 1};
static _Alignas(8) unsigned char memory[SPAN_BYTES_LEAST + 64];

static void an_entry_is_found_again(void **state)
{
    (void)state;
    struct span span;
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 5);
    span_name(&span, SLICE_LITERAL("GET /"));
    span_string(&span, ATTRIBUTE_URL_PATH, SLICE_LITERAL("/"));
    span_integer(&span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, 200);
    span_end(&span, 9);

    int64_t status = 0;
    assert_true(span_find_integer(span.record, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, &status));
    assert_int_equal(status, 200);
    assert_true(slice_equal(span_find_name(span.record), SLICE_LITERAL("GET /")));
    assert_null(span_find_string(span.record, ATTRIBUTE_URL_QUERY).at);
    assert_int_equal(span.record->length % 8, 0);
}

static struct span begin(uint32_t capacity)
{
    struct span span;
    memset(memory, 0xa5, sizeof memory);
    span_begin(&span, memory, capacity, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 0);
    return span;
}

static void assert_untouched_behind(size_t from)
{
    for (size_t i = from; i < sizeof memory; i++)
        assert_int_equal(memory[i], 0xa5);
}

static struct slice stuffing(void)
{
    static char text[70000];
    memset(text, 'x', sizeof text);
    return (struct slice){text, sizeof text};
}

static void text_that_does_not_fit_is_cut_before_a_character(void **state)
{
    (void)state;
    char text[600];
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2); /* U+00E9, two bytes each */
    struct span span = begin(SPAN_BYTES_LEAST);
    span_boolean(&span, ATTRIBUTE_ERROR, true);
    span_string(&span, ATTRIBUTE_URL_PATH, (struct slice){text + 1, sizeof text - 1});

    struct slice kept = span_find_string(span.record, ATTRIBUTE_URL_PATH);
    assert_true(kept.length > 50 && kept.length % 2 == 1);
    assert_true(span.record->length <= SPAN_BYTES_LEAST - SPAN_RESERVE_BYTES);
}

static void what_is_no_utf8_is_cut_anywhere(void **state)
{
    (void)state;
    char text[600];
    memset(text, 0x80, sizeof text);
    struct span span = begin(SPAN_BYTES_LEAST);
    span_string(&span, ATTRIBUTE_URL_PATH, (struct slice){text, sizeof text});
    assert_true(span_find_string(span.record, ATTRIBUTE_URL_PATH).length > 50);
}

static void nothing_follows_the_part_that_is_cut(void **state)
{
    (void)state;
    char text[600];
    for (size_t i = 0; i < sizeof text; i += 4)
        memcpy(text + i, "\xf0\x9f\x99\x82", 4);
    const struct slice parts[] = {SLICE_LITERAL("a"), {text, sizeof text}, SLICE_LITERAL("b")};
    struct span span = begin(SPAN_BYTES_LEAST);
    span_joined(&span, ATTRIBUTE_HTTP_URL, parts, 3);
    struct slice kept = span_find_string(span.record, ATTRIBUTE_HTTP_URL);
    assert_true(kept.length > 50 && kept.length % 4 == 1);
    assert_memory_equal(kept.at + kept.length - 4, text, 4);
}

static void an_attribute_without_room_is_counted(void **state)
{
    (void)state;
    struct span span = begin(SPAN_BYTES_LEAST);
    for (int i = 0; i < 200; i++)
        span_integer(&span, ATTRIBUTE_SERVER_PORT, i);
    span_header(&span, true, SLICE_LITERAL("X-Long-Name"), SLICE_LITERAL("value"));
    assert_true(span.record->dropped_attributes > 80);
    assert_true(span.record->length <= SPAN_BYTES_LEAST);
    assert_untouched_behind(SPAN_BYTES_LEAST);
}

static void a_full_record_takes_no_empty_text_either(void **state)
{
    (void)state;
    struct span span = begin(SPAN_BYTES_LEAST);
    span_string(&span, ATTRIBUTE_URL_PATH, stuffing());
    assert_int_equal(span.record->length, SPAN_BYTES_LEAST - SPAN_RESERVE_BYTES);

    const struct slice parts[] = {SLICE_LITERAL(""), SLICE_LITERAL("")};
    span_string(&span, ATTRIBUTE_URL_QUERY, SLICE_LITERAL(""));
    span_joined(&span, ATTRIBUTE_HTTP_URL, parts, 2);
    span_header(&span, true, SLICE_LITERAL(""), SLICE_LITERAL(""));
    assert_int_equal(span.record->length, SPAN_BYTES_LEAST - SPAN_RESERVE_BYTES);
    assert_int_equal(span.record->dropped_attributes, 3);
    assert_untouched_behind(SPAN_BYTES_LEAST - SPAN_RESERVE_BYTES);
}

/* All that a span may say in the last moment, each as long as it can be. */
static void long_texts_leave_room_for_all_else(void **state)
{
    (void)state;
    struct span span = begin(SPAN_BYTES_LEAST);
    span_header(&span, true, SLICE_LITERAL("X-Tenant"), stuffing());
    span_string(&span, ATTRIBUTE_USER_AGENT_ORIGINAL, SLICE_LITERAL("curl"));
    span_string(&span, ATTRIBUTE_SERVER_ADDRESS, stuffing());
    span_string(&span, ATTRIBUTE_HTTP_ROUTE, stuffing());
    const struct slice parts[] = {SLICE_LITERAL("GET "), stuffing()};
    span_joined_name(&span, parts, 2);
    span_string(&span, ATTRIBUTE_CLIENT_ADDRESS, SLICE_LITERAL("2001:db8:1:2:3:4:5:6"));
    for (enum attribute i = ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE; i < ATTRIBUTE_COUNT; i++)
        if (attribute_names[i].type == ATTRIBUTE_TYPE_INTEGER && i < ATTRIBUTE_URL_FULL)
            span_integer(&span, i, 7);
    span_string(&span, ATTRIBUTE_ERROR_TYPE, SLICE_LITERAL("connection_aborted"));
    span_error(&span, stuffing());
    span_event(&span, EVENT_EXCEPTION, 1);
    span_string(&span, ATTRIBUTE_EXCEPTION_MESSAGE, stuffing());
    span_string(&span, ATTRIBUTE_EXCEPTION_TYPE, SLICE_LITERAL("ECONNREFUSED"));

    int64_t status = 0;
    assert_true(span_find_integer(span.record, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, &status));
    assert_int_equal(status, 7);
    assert_int_equal(span.record->status, SPAN_STATUS_ERROR);
    assert_int_equal(span_find_name(span.record).length, SPAN_KEPT_BYTES);
    assert_int_equal(span_find_string(span.record, ATTRIBUTE_HTTP_ROUTE).length, SPAN_KEPT_BYTES);
    assert_non_null(span_find_string(span.record, ATTRIBUTE_SERVER_ADDRESS).at);
    assert_non_null(span_find_string(span.record, ATTRIBUTE_CLIENT_ADDRESS).at);
    assert_non_null(span_find_string(span.record, ATTRIBUTE_ERROR_TYPE).at);
    assert_non_null(span_find_string(span.record, ATTRIBUTE_EXCEPTION_TYPE).at);
    assert_null(span_find_string(span.record, ATTRIBUTE_USER_AGENT_ORIGINAL).at);
    /* The user agent, the status' message and the exception's. */
    assert_int_equal(span.record->dropped_attributes, 3);
    assert_untouched_behind(SPAN_BYTES_LEAST);
}

static void attributes_of_an_event_without_room_are_nobody_elses(void **state)
{
    (void)state;
    struct span span = begin(SPAN_BYTES_LEAST);
    span_string(&span, ATTRIBUTE_URL_PATH, stuffing());
    for (int i = 0; i < 200; i++)
        span_event(&span, EVENT_FIRST_BYTE, 1);
    uint32_t before = span.record->length;
    span_string(&span, ATTRIBUTE_EXCEPTION_TYPE, SLICE_LITERAL("x"));
    span_string(&span, ATTRIBUTE_EXCEPTION_TYPE, SLICE_LITERAL(""));
    span_integer(&span, ATTRIBUTE_BACKOFF_MS, 1);
    span_header(&span, true, SLICE_LITERAL("a"), SLICE_LITERAL("b"));
    span_link(&span, &self);
    assert_int_equal(span.record->length, before);
    assert_untouched_behind(SPAN_BYTES_LEAST);
}

static void a_limit_of_texts_counts_where_there_is_room_too(void **state)
{
    (void)state;
    char four[64];
    for (size_t i = 0; i < sizeof four; i += 4)
        memcpy(four + i, "\xf0\x9f\x99\x82", 4);
    static _Alignas(8) unsigned char more[8192];
    struct span span;
    span_limit_texts(10);
    span_begin(&span, more, sizeof more, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 0);
    span_name(&span, SLICE_LITERAL("GET /a/name/that/is/longer/than/the/limit/of/texts"));
    span_string(&span, ATTRIBUTE_URL_PATH, stuffing());
    for (int i = 0; i < 40; i++)
        span_header(&span, true, SLICE_LITERAL("x"), stuffing());
    span_string(&span, ATTRIBUTE_USER_AGENT_ORIGINAL, (struct slice){four, sizeof four});
    span_string(&span, ATTRIBUTE_HTTP_REQUEST_METHOD, SLICE_LITERAL("PROPPATCH"));
    span_limit_texts(INT32_MAX);

    assert_int_equal(span.record->dropped_attributes, 0);
    assert_int_equal(span_find_name(span.record).length, 50);
    assert_int_equal(span_find_string(span.record, ATTRIBUTE_URL_PATH).length, SPAN_PATH_BYTES);
    assert_int_equal(span_find_string(span.record, ATTRIBUTE_USER_AGENT_ORIGINAL).length, 44);
    assert_int_equal(span_find_string(span.record, ATTRIBUTE_HTTP_REQUEST_METHOD).length, 9);
}

static void an_empty_text_is_kept(void **state)
{
    (void)state;
    struct span span;
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 0);
    span_string(&span, ATTRIBUTE_URL_QUERY, SLICE_LITERAL(""));
    assert_non_null(span_find_string(span.record, ATTRIBUTE_URL_QUERY).at);
    assert_int_equal(span.record->dropped_attributes, 0);
}

static void a_captured_header_keeps_its_hyphens_and_loses_its_capitals(void **state)
{
    (void)state;
    struct span span;
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 0);
    span_header(&span, true, SLICE_LITERAL("X-Tenant"), SLICE_LITERAL("Blue"));
    const struct span_entry *entry = span_next_entry(span.record, NULL);
    assert_int_equal(entry->kind, SPAN_ENTRY_REQUEST_HEADER);
    assert_memory_equal(entry->bytes, "x-tenant\0Blue", 13);
}

static void a_damaged_record_ends_early(void **state)
{
    (void)state;
    struct span span;
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 0);
    span_integer(&span, ATTRIBUTE_SERVER_PORT, 80);
    struct span_entry *entry = (struct span_entry *)(memory + sizeof(struct span_record));
    entry->length = 0xfffffff0u;
    assert_null(span_next_entry(span.record, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_found_again),
        cmocka_unit_test(text_that_does_not_fit_is_cut_before_a_character),
        cmocka_unit_test(what_is_no_utf8_is_cut_anywhere),
        cmocka_unit_test(nothing_follows_the_part_that_is_cut),
        cmocka_unit_test(an_attribute_without_room_is_counted),
        cmocka_unit_test(a_full_record_takes_no_empty_text_either),
        cmocka_unit_test(long_texts_leave_room_for_all_else),
        cmocka_unit_test(attributes_of_an_event_without_room_are_nobody_elses),
        cmocka_unit_test(a_limit_of_texts_counts_where_there_is_room_too),
        cmocka_unit_test(an_empty_text_is_kept),
        cmocka_unit_test(a_captured_header_keeps_its_hyphens_and_loses_its_capitals),
        cmocka_unit_test(a_damaged_record_ends_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
