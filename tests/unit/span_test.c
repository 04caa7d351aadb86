// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/span.h"

static const struct span_context self = {.trace_id = {1}, .span_id = {2}, .flags = 1};

static void an_entry_is_found_again(void **state)
{
    (void)state;
    _Alignas(8) unsigned char memory[1024];
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

static void text_that_does_not_fit_is_cut_before_a_character(void **state)
{
    (void)state;
    _Alignas(8) unsigned char memory[256];
    char text[600];
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2); /* U+00E9, two bytes each */
    struct span span;
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 0);
    span_boolean(&span, ATTRIBUTE_ERROR, true);
    span_string(&span, ATTRIBUTE_URL_PATH, (struct slice){text + 1, sizeof text - 1});

    struct slice kept = span_find_string(span.record, ATTRIBUTE_URL_PATH);
    assert_true(kept.length > 50 && kept.length % 2 == 1);
    assert_true(span.record->length <= sizeof memory);
}

static void an_attribute_without_room_is_counted(void **state)
{
    (void)state;
    _Alignas(8) unsigned char memory[256];
    struct span span;
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 0);
    for (int i = 0; i < 100; i++)
        span_integer(&span, ATTRIBUTE_SERVER_PORT, i);
    span_header(&span, true, SLICE_LITERAL("X-Long-Name"), SLICE_LITERAL("value"));
    assert_true(span.record->dropped_attributes > 80);
    assert_true(span.record->length <= sizeof memory);
}

static void a_full_record_takes_no_empty_text_either(void **state)
{
    (void)state;
    _Alignas(8) unsigned char memory[256 + 64] = {0};
    char text[256] = {0};
    struct span span;
    span_begin(&span, memory, 256, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 0);
    span_string(&span, ATTRIBUTE_URL_PATH, (struct slice){text, sizeof text});
    assert_int_equal(span.record->length, 256);
    memset(memory + 256, 0xa5, 64);

    const struct slice parts[] = {SLICE_LITERAL(""), SLICE_LITERAL("")};
    span_string(&span, ATTRIBUTE_URL_QUERY, SLICE_LITERAL(""));
    span_joined(&span, ATTRIBUTE_HTTP_URL, parts, 2);
    span_header(&span, true, SLICE_LITERAL(""), SLICE_LITERAL(""));
    assert_int_equal(span.record->length, 256);
    assert_int_equal(span.record->dropped_attributes, 3);
    for (int i = 256; i < 256 + 64; i++)
        assert_int_equal(memory[i], 0xa5);
}

static void an_empty_text_is_kept(void **state)
{
    (void)state;
    _Alignas(8) unsigned char memory[256];
    struct span span;
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 0);
    span_string(&span, ATTRIBUTE_URL_QUERY, SLICE_LITERAL(""));
    assert_non_null(span_find_string(span.record, ATTRIBUTE_URL_QUERY).at);
    assert_int_equal(span.record->dropped_attributes, 0);
}

static void a_captured_header_keeps_its_hyphens_and_loses_its_capitals(void **state)
{
    (void)state;
    _Alignas(8) unsigned char memory[512];
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
    _Alignas(8) unsigned char memory[512];
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
        cmocka_unit_test(an_attribute_without_room_is_counted),
        cmocka_unit_test(a_full_record_takes_no_empty_text_either),
        cmocka_unit_test(an_empty_text_is_kept),
        cmocka_unit_test(a_captured_header_keeps_its_hyphens_and_loses_its_capitals),
        cmocka_unit_test(a_damaged_record_ends_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
