// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/protocols/http/capture.h"
#include "agent/protocols/http/http1.h"

static const struct span_context self = {.trace_id = {1}, .span_id = {2}, .flags = 1};
static struct redact redact;
static struct capture capture;
static _Alignas(8) char scratch[CAPTURE_SCRATCH_BYTES];
static _Alignas(8) unsigned char memory[2048];
static struct span span;

/* What of these lines is captured, as the span has it. */
static void capture_from(const char *lines)
{
    char head[512];
    struct http1_request request;
    (void)snprintf(head, sizeof head, "GET / HTTP/1.1\r\n%s", lines);
    assert_int_equal(http1_parse_request(slice_of(head), HTTP1_WANT_ALL, &request), PARSE_OK);
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 0);
    capture_fields(&capture, &redact, &request.fields, &span, scratch);
}

static void expect_request_id(const char *expected)
{
    struct slice found = span_find_string(span.record, ATTRIBUTE_REQUEST_ID);
    assert_true(slice_equal(found, slice_of(expected)));
}

static int set_up(void **state)
{
    (void)state;
    struct config config = {
        .redact_keys = "token",
        .header_user_id = "",
        .header_request_id = "X-Request-ID",
        .header_correlation_id = "X-Correlation-ID",
        .capture_request_headers = "Accept, X-Token, TE",
    };
    redact_init(&redact, &config);
    capture_init_request(&capture, &config);
    return 0;
}

static void a_named_header_is_found_in_any_case(void **state)
{
    (void)state;
    capture_from("Host: a\r\nx-REQUEST-id:  17 \r\nHost: b\r\n\r\n");
    expect_request_id("17");
}

static void nothing_is_made_of_other_headers(void **state)
{
    (void)state;
    /* The last has the length and first letters of a wanted one. */
    capture_from("Host: a\r\nUser-Agent: b\r\nx-request-at: 5\r\n\r\n");
    assert_null(span_next_entry(span.record, NULL));
}

static void a_listed_header_goes_by_its_own_name(void **state)
{
    (void)state;
    capture_from("accept: */*\r\n\r\n");
    const struct span_entry *entry = span_next_entry(span.record, NULL);
    assert_non_null(entry);
    assert_int_equal(entry->kind, SPAN_ENTRY_REQUEST_HEADER);
    assert_memory_equal(entry->bytes, "accept\0*/*", 10);
}

static void every_line_of_a_name_is_captured(void **state)
{
    (void)state;
    capture_from("Accept: a\r\nX-Request-ID: 1\r\nAccept: b\r\n\r\n");
    int count = 0;
    for (const struct span_entry *entry = span_next_entry(span.record, NULL); entry;
         entry = span_next_entry(span.record, entry))
        count += entry->kind == SPAN_ENTRY_REQUEST_HEADER;
    assert_int_equal(count, 2);
    expect_request_id("1");
}

static void an_attribute_is_said_once(void **state)
{
    (void)state;
    capture_from("X-Request-ID: 1\r\nAccept: a\r\nx-request-id: 2\r\nX-Request-ID: 3\r\n\r\n");
    int count = 0;
    for (const struct span_entry *entry = span_next_entry(span.record, NULL); entry;
         entry = span_next_entry(span.record, entry))
        count += entry->kind == SPAN_ENTRY_STRING;
    assert_int_equal(count, 1);
    expect_request_id("1");
}

static void a_name_listed_twice_is_captured_once(void **state)
{
    (void)state;
    struct config config = {.capture_response_headers = "ETag,Server, etag ,Content-Type,,ETAG"};
    struct capture response;
    assert_int_equal(capture_init_response(&response, &config), 0);
    assert_int_equal(response.count, 2);
}

static void names_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    char names[512] = "";
    for (int i = 0; i < CAPTURE_MOST + 2; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "X-Name-%d,", i);
    struct config config = {.header_request_id = "X-Request-ID",
                            .capture_request_headers = names,
                            .capture_response_headers = names};
    struct capture several;
    assert_int_equal(capture_init_request(&several, &config), 3);
    assert_int_equal(several.count, CAPTURE_MOST);
    assert_int_equal(capture_init_response(&several, &config), 2);
}

static void a_signed_url_in_a_header_is_shown_without_its_signature(void **state)
{
    (void)state;
    capture_from("X-Note: a\r\nAccept: https://u:pw@h/a?X-Amz-Signature=abc&b=1\r\n\r\n");
    assert_true(slice_equal(
        span_entry_text(span_next_entry(span.record, NULL)),
        SLICE_LITERAL("accept\0https://REDACTED:REDACTED@h/a?X-Amz-Signature=REDACTED&b=1")));
}

static void a_name_too_short_for_the_sieve_is_captured(void **state)
{
    (void)state;
    capture_from("Host: a\r\nte: trailers\r\n\r\n");
    const struct span_entry *entry = span_next_entry(span.record, NULL);
    assert_non_null(entry);
    assert_true(slice_equal(span_entry_text(entry), SLICE_LITERAL("te\0trailers")));
    capture_from("T:\n\n");
    assert_null(span_next_entry(span.record, NULL));
}

static void a_secret_by_its_name_is_hidden(void **state)
{
    (void)state;
    capture_from("X-Token: hunter2\r\n\r\n");
    const struct span_entry *entry = span_next_entry(span.record, NULL);
    assert_non_null(entry);
    assert_memory_equal(entry->bytes, "x-token\0REDACTED", 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_named_header_is_found_in_any_case),
        cmocka_unit_test(nothing_is_made_of_other_headers),
        cmocka_unit_test(a_listed_header_goes_by_its_own_name),
        cmocka_unit_test(every_line_of_a_name_is_captured),
        cmocka_unit_test(an_attribute_is_said_once),
        cmocka_unit_test(a_name_listed_twice_is_captured_once),
        cmocka_unit_test(names_beyond_the_limit_are_counted),
        cmocka_unit_test(a_signed_url_in_a_header_is_shown_without_its_signature),
        cmocka_unit_test(a_name_too_short_for_the_sieve_is_captured),
        cmocka_unit_test(a_secret_by_its_name_is_hidden),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
