// SPDX-License-Identifier: Apache-2.0
/* What becomes of spans in a program that sends its own, and in one that passes others' on. */
#include "agent/work/client_span.h"
#include "agent/work/with_sdk.h"
#include "tests/unit/seam.h"

static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
static const char post[] =
    "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    "Content-Length: 0\r\n\r\n";

static struct config config;

static int begin_anew(void **state)
{
    config.with_sdk = WITH_SDK_YIELD;
    with_sdk_prepare(&config);
    return start_empty(state);
}

#define TEST_ANEW(name) cmocka_unit_test_setup(name, begin_anew)

static void serve(const char *request)
{
    accept_connection(FD);
    receive(FD, request);
    answer(FD, ok);
    observe_closing(FD);
}

/* Makes a call. Has it a span? */
static bool call(void)
{
    struct client_span client;
    client_span_begin(&client);
    struct client_page *page = client_span_describe(&client, SPAN_SCOPE_CURL);
    client_span_end(&client, page, 1);
    return page != NULL;
}

static bool call_sends_a_context(void)
{
    struct client_span client;
    client_span_begin(&client);
    client_span_end(&client, NULL, 1);
    return span_context_present(&client.self);
}

static void a_post_of_telemetry_that_comes_has_no_span_and_is_counted(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, post);
    assert_false(call()); /* for it */
    answer(FD, ok);
    receive(FD, get); /* the connection is followed on */
    answer(FD, ok);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_text(span_find_string(span, ATTRIBUTE_URL_PATH), "/a");
    assert_null(next_span());
    assert_int_equal(counters.left_out_telemetry, 1);
    assert_int_equal(counters.left_out_ignored, 0);
}

static void who_sends_spans_keeps_none_of_ours(void **state)
{
    (void)state;
    with_sdk_telemetry_goes(TELEMETRY_ZIPKIN);
    serve(get);
    assert_false(call());
    assert_false(call_sends_a_context());
    assert_null(next_span());
    assert_int_equal(counters.left_out_telemetry, 1);
    assert_int_equal(counters.left_out_with_sdk, 3);
    assert_int_equal(counters.spans_ended, 0);
}

static void what_had_begun_ends_with_its_span(void **state)
{
    (void)state;
    struct client_span client;
    accept_connection(FD);
    receive(FD, get);
    client_span_begin(&client);
    with_sdk_telemetry_goes(TELEMETRY_OTLP);
    client_span_end(&client, client_span_describe(&client, SPAN_SCOPE_CURL), 1);
    assert_false(call());
    answer(FD, ok);
    assert_int_equal(next_span()->kind, SPAN_KIND_CLIENT);
    assert_int_equal(next_span()->kind, SPAN_KIND_SERVER);
    assert_null(next_span());
    assert_int_equal(counters.left_out_with_sdk, 1);
}

static void metrics_and_logs_say_nothing_about_spans(void **state)
{
    (void)state;
    with_sdk_telemetry_goes(TELEMETRY_OTHER);
    serve(get);
    assert_true(call());
    assert_non_null(next_span());
    assert_non_null(next_span());
    assert_int_equal(counters.left_out_telemetry, 1);
    assert_int_equal(counters.left_out_with_sdk, 0);
}

static void both_may_be_kept(void **state)
{
    (void)state;
    config.with_sdk = WITH_SDK_BOTH;
    with_sdk_prepare(&config);
    with_sdk_telemetry_goes(TELEMETRY_OTLP);
    serve(get);
    serve(post); /* is none, all the same */
    assert_non_null(next_span());
    assert_null(next_span());
    assert_int_equal(counters.left_out_telemetry, 2);
}

static void who_was_sent_some_passes_it_on(void **state)
{
    (void)state;
    serve(post);
    with_sdk_telemetry_goes(TELEMETRY_OTLP);
    serve(get);
    assert_non_null(next_span());
}

static void so_may_who_is_asked_by_what_cannot_be_read(void **state)
{
    (void)state;
    static const char hello[] = "\x16\x03\x01\x02";
    accept_connection(FD);
    receive(FD, hello);
    answer(FD, hello);
    with_sdk_telemetry_goes(TELEMETRY_OTLP);
    serve(get);
    assert_non_null(next_span());
}

static void a_stranger_who_says_tls_to_a_server_of_http_proves_nothing(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "\x16\x03\x01\x02");
    answer(FD, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    with_sdk_telemetry_goes(TELEMETRY_OTLP);
    serve(get);
    assert_null(next_span());
}

static void who_has_yielded_stays_so(void **state)
{
    (void)state;
    with_sdk_telemetry_goes(TELEMETRY_DATADOG);
    serve(post);
    with_sdk_telemetry_goes(TELEMETRY_OTLP);
    serve(get);
    assert_null(next_span());
    assert_int_equal(with_sdk_sends, TELEMETRY_DATADOG);
}

static void a_forked_child_begins_as_its_parent_is_and_tells_it_nothing(void **state)
{
    (void)state;
    for (int yielded = 0; yielded < 2; yielded++) {
        if (yielded)
            with_sdk_telemetry_goes(TELEMETRY_OTLP);
        pid_t child = fork();
        if (child == 0) {
            bool told = call() && queue_has_region() && next_span();
            with_sdk_telemetry_goes(TELEMETRY_OTLP);
            _exit(told == !yielded && !call() ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(call(), !yielded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_ANEW(a_post_of_telemetry_that_comes_has_no_span_and_is_counted),
        TEST_ANEW(who_sends_spans_keeps_none_of_ours),
        TEST_ANEW(what_had_begun_ends_with_its_span),
        TEST_ANEW(metrics_and_logs_say_nothing_about_spans),
        TEST_ANEW(both_may_be_kept),
        TEST_ANEW(who_was_sent_some_passes_it_on),
        TEST_ANEW(so_may_who_is_asked_by_what_cannot_be_read),
        TEST_ANEW(a_stranger_who_says_tls_to_a_server_of_http_proves_nothing),
        TEST_ANEW(who_has_yielded_stays_so),
        TEST_ANEW(a_forked_child_begins_as_its_parent_is_and_tells_it_nothing),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
