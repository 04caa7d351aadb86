// SPDX-License-Identifier: Apache-2.0
/* Transfers in a multi: when they began and ended, and what is known of one nobody looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <time.h>

#include "agent/base/clock.h"
#include "agent/base/curl_abi.h"
#include "agent/observe/observe_curl.h"
#include "tests/unit/libraries/curl/curl_fake.h"
#include "tests/unit/passing.h"
#include "tests/unit/spans.h"

static void *const easy = (void *)0x1000;
static void *const copy = (void *)0x2000;
static void *const multi = (void *)0x3000;

static const char *variable(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "OTEL_TRACES_SAMPLER") == 0 ? "parentbased_always_on" : NULL;
}

static int open_gate(void **state)
{
    (void)state;
    return spans_open(variable);
}

static int start_with_a_handle(void **state)
{
    (void)state;
    memset(&library_has, 0, sizeof library_has);
    library_has.status = 200;
    library_has.scheme = "https";
    observe_curl_made(&library, easy);
    observe_curl_option(easy, CURLOPT_URL, (uintptr_t) "https://api.example/v1", 0);
    spans_forget();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    observe_curl_closing(easy);
    observe_curl_closing(copy);
    observe_curl_multi_closing(multi);
    assert_int_equal(passing_calls.open, 0);
    return 0;
}

static void a_multi_transfer_ends_with_its_message(void **state)
{
    (void)state;
    struct curl_message done = {CURL_MESSAGE_DONE, easy, {.code = CURLE_OPERATION_TIMEDOUT}};
    observe_curl_added(multi, easy, 0);
    assert_non_null(line_of(library_has.headers, "traceparent: "));
    assert_null(spans_next());
    observe_curl_message(NULL);
    observe_curl_message(&done);
    assert_null(library_has.headers);
    assert_slice(span_find_string(spans_next(), ATTRIBUTE_ERROR_TYPE), "timeout");
    observe_curl_removing(easy);
    assert_null(spans_next());
}

static void a_multi_transfer_ends_when_it_is_taken_out(void **state)
{
    (void)state;
    observe_curl_added(multi, easy, 0);
    observe_curl_removing(easy);
    assert_int_equal(spans_next()->status, SPAN_STATUS_UNSET);
    library_has.status = 0;
    observe_curl_added(multi, easy, 0);
    observe_curl_removing(easy);
    assert_slice(span_find_string(spans_next(), ATTRIBUTE_ERROR_TYPE), "_OTHER");
    observe_curl_added(multi, easy, 0);
    observe_curl_closing(easy);
    assert_slice(span_find_string(spans_next(), ATTRIBUTE_ERROR_TYPE), "_OTHER");
}

/* Two members; after a turn `running` of them go on. */
static void drive(int running)
{
    observe_curl_multi_made(multi);
    observe_curl_made(&library, copy);
    observe_curl_option(copy, CURLOPT_URL, (uintptr_t) "http://copy.example/", 0);
    observe_curl_added(multi, easy, 0);
    observe_curl_added(multi, copy, 0);
    struct library_call call;
    observe_curl_driving(&call, multi);
    observe_curl_driven(&call, multi, &running, 0);
}

static const char *error_of(const struct span_record *span)
{
    static char text[32];
    struct slice type = span_find_string(span, ATTRIBUTE_ERROR_TYPE);
    snprintf(text, sizeof text, "%.*s", (int)type.length, type.length ? type.at : "");
    return text;
}

static void what_goes_on_is_cancelled_whatever_has_come(void **state)
{
    (void)state;
    drive(2);
    observe_curl_removing(easy);
    assert_string_equal(error_of(spans_next()), "cancelled");
    struct curl_message done = {CURL_MESSAGE_DONE, copy, {.code = 0}};
    observe_curl_message(&done);
    assert_string_equal(error_of(spans_next()), "");
    observe_curl_multi_closing(multi);
}

static void what_has_ended_says_what_is_known(void **state)
{
    (void)state;
    drive(0);
    library_has.announced = 10;
    library_has.downloaded = 3;
    observe_curl_removing(easy);
    assert_string_equal(error_of(spans_next()), "_OTHER");
    library_has.downloaded = 10;
    observe_curl_multi_closing(multi);
    observe_curl_closing(copy); /* after its multi */
    assert_string_equal(error_of(spans_next()), "");
    drive(0);
    library_has.status = 0;
    observe_curl_removing(easy);
    assert_string_equal(error_of(spans_next()), "_OTHER");
    observe_curl_closing(copy);
    assert_string_equal(error_of(spans_next()), "_OTHER");
}

static void where_some_go_on_the_answer_tells(void **state)
{
    (void)state;
    drive(1);
    observe_curl_removing(easy);
    assert_string_equal(error_of(spans_next()), "");
    library_has.status = 0;
    observe_curl_removing(copy);
    assert_string_equal(error_of(spans_next()), "cancelled");

    drive(1);
    observe_curl_removing(easy); /* it or the other */
    assert_string_equal(error_of(spans_next()), "_OTHER");
    observe_curl_removing(copy);
    assert_string_equal(error_of(spans_next()), "_OTHER");
}

static void what_had_no_turn_has_no_answer(void **state)
{
    (void)state;
    drive(0);
    observe_curl_removing(easy);
    spans_next();
    observe_curl_added(multi, easy, 0);
    observe_curl_removing(easy); /* the library speaks of the transfer before */
    const struct span_record *span = spans_next();
    assert_string_equal(error_of(span), "cancelled");
    assert_slice(span_find_string(span, ATTRIBUTE_PEER_SERVER_ADDRESS), "api.example");
    assert_null(span_find_string(span, ATTRIBUTE_NETWORK_PEER_ADDRESS).at);
}

static void a_transfer_begins_with_the_turn_and_lasts_as_long_as_the_library_says(void **state)
{
    (void)state;
    const struct timespec moment = {0, 20000000};
    struct curl_message done = {CURL_MESSAGE_DONE, easy, {.code = 0}};
    library_has.took_us = 1000;
    observe_curl_multi_made(multi);
    observe_curl_added(multi, easy, 0);
    nanosleep(&moment, NULL);
    uint64_t begun_ns = clock_monotonic_ns();
    int running = 0;
    struct library_call call;
    observe_curl_driving(&call, multi);
    observe_curl_driven(&call, multi, &running, 0);
    nanosleep(&moment, NULL);
    observe_curl_message(&done);
    const struct span_record *span = spans_next();
    assert_true(span->start_ns >= begun_ns);
    assert_int_equal(span->end_ns - span->start_ns, 1000000);

    /* A multi that is not known tells of no beginning. */
    observe_curl_multi_closing(multi);
    observe_curl_added(multi, easy, 0);
    nanosleep(&moment, NULL);
    observe_curl_message(&done);
    span = spans_next();
    assert_int_equal(span->end_ns - span->start_ns, 1000000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_with_a_handle, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_multi_transfer_ends_with_its_message),
        TEST(a_multi_transfer_ends_when_it_is_taken_out),
        TEST(what_goes_on_is_cancelled_whatever_has_come),
        TEST(what_has_ended_says_what_is_known),
        TEST(where_some_go_on_the_answer_tells),
        TEST(what_had_no_turn_has_no_answer),
        TEST(a_transfer_begins_with_the_turn_and_lasts_as_long_as_the_library_says),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
