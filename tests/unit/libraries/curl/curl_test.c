// SPDX-License-Identifier: Apache-2.0
/* The agent's side of libcurl, driven as hooks drive it, with a library of our own behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <errno.h>

#include "agent/base/curl_abi.h"
#include "agent/libraries/curl/curl_span.h"
#include "agent/net/connection.h"
#include "agent/observe/observe_curl.h"
#include "agent/work/exchange.h"
#include "tests/unit/libraries/curl/curl_fake.h"
#include "tests/unit/passing.h"
#include "tests/unit/spans.h"
#include "tests/unit/working.h"

static void *const easy = (void *)0x1000;
static void *const copy = (void *)0x2000;
static void *const multi = (void *)0x3000;

static const char *variable(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "OTEL_TRACES_SAMPLER") == 0)
        return "parentbased_always_on";
    return strcmp(name, "OTEL_AGENT_S3_ENDPOINTS") == 0 ? "s3.example:9000" : NULL;
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
    observe_curl_option(easy, CURLOPT_URL,
                        (uintptr_t) "https://user:hunter2@api.example/v1?token=x", 0);
    spans_forget();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    observe_curl_closing(easy);
    observe_curl_closing(copy);
    assert_int_equal(passing_calls.open, 0);
    return 0;
}

static void option(int number, uintptr_t value)
{
    if (number == CURLOPT_HTTPHEADER)
        library_has.headers = (struct curl_list *)value;
    observe_curl_option(easy, number, value, 0);
}

static void perform(int code)
{
    struct curl_call call;
    observe_curl_performing(&call, easy);
    observe_curl_performed(&call, code);
}

static void a_transfer_makes_a_span(void **state)
{
    (void)state;
    errno = 42;
    library_has.downloaded = 5;
    perform(0);
    assert_int_equal(errno, 42);
    const struct span_record *span = spans_next();
    assert_int_equal(span->kind, SPAN_KIND_CLIENT);
    assert_int_equal(span->scope, SPAN_SCOPE_CURL);
    assert_int_equal(span->status, SPAN_STATUS_UNSET);
    assert_slice(span_find_name(span), "GET");
    assert_slice(span_find_string(span, ATTRIBUTE_URL_FULL),
                 "https://REDACTED:REDACTED@api.example/v1?token=REDACTED");
    assert_slice(span_find_string(span, ATTRIBUTE_PEER_SERVER_ADDRESS), "api.example");
    assert_int_equal(spans_integer(span, ATTRIBUTE_PEER_SERVER_PORT), 443);
    assert_int_equal(spans_integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE), 200);
    assert_int_equal(spans_integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), 5);
    assert_slice(span_find_string(span, ATTRIBUTE_NETWORK_PROTOCOL_VERSION), "2");
    assert_false(spans_hold(span, "hunter2"));
    assert_int_equal(spans_events(span, EVENT_FIRST_BYTE), 1);
    assert_int_equal(spans_events(span, EVENT_CONNECT_DONE), 0);
    assert_null(spans_next());
}

static void the_header_names_the_span_and_the_applications_list_stays(void **state)
{
    (void)state;
    struct curl_list second = {(char *)"X-Two: 2", NULL};
    struct curl_list first = {(char *)"X-One: 1", &second};
    option(CURLOPT_HTTPHEADER, (uintptr_t)&first);
    struct curl_call call;
    observe_curl_performing(&call, easy);
    assert_ptr_not_equal(library_has.headers, &first);
    assert_string_equal(library_has.headers->data, "X-One: 1");
    assert_string_equal(library_has.headers->next->data, "X-Two: 2");
    const struct curl_list *line = line_of(library_has.headers, "traceparent: 00-");
    assert_non_null(line);
    char said[69];
    memcpy(said, line->data, sizeof said);
    assert_ptr_equal(first.next, &second);
    assert_null(second.next);
    observe_curl_performed(&call, 0);
    assert_ptr_equal(library_has.headers, &first);

    const struct span_record *span = spans_next();
    char id[17];
    for (int i = 0; i < 8; i++)
        snprintf(id + (ptrdiff_t)2 * i, 3, "%02x", span->span_id[i]);
    assert_memory_equal(said + 16 + 32 + 1, id, 16);
}

static void an_unsampled_context_travels_without_a_span(void **state)
{
    (void)state;
    struct exchange *unsampled =
        start_working("traceparent: 00-abababababababababababababababab-1212121212121212-00\r\n");
    struct curl_call call;
    observe_curl_performing(&call, easy);
    const struct curl_list *line =
        line_of(library_has.headers, "traceparent: 00-abababababababababababababababab-");
    assert_non_null(line);
    assert_string_equal(line->data + strlen(line->data) - 3, "-00");
    observe_curl_performed(&call, 0);
    assert_null(spans_next());
    stop_working(unsampled);
}

/* As many bytes as are carried at most. */
static void the_longest_lists_of_a_request_go_out_whole(void **state)
{
    (void)state;
    static char lines[8192], tracestate[512], baggage[4096 - 512];
    memset(tracestate, 'x', sizeof tracestate);
    memcpy(tracestate, "a=", 2);
    memcpy(tracestate + 255, ",b=", 3);
    memset(baggage, 'y', sizeof baggage);
    memcpy(baggage, "c=", 2);
    snprintf(lines, sizeof lines,
             "tracestate: %.512s\r\nbaggage: %.3584s\r\n"
             "traceparent: 00-abababababababababababababababab-1212121212121212-01\r\n",
             tracestate, baggage);
    struct exchange *exchange = start_working(lines);
    struct curl_call call;
    observe_curl_performing(&call, easy);
    const struct curl_list *line =
        line_of(library_has.headers, "traceparent: 00-abababababababababababababababab-");
    assert_non_null(line);
    assert_non_null(line = line_of(line, "tracestate: a="));
    assert_int_equal(strlen(line->data), strlen("tracestate: ") + sizeof tracestate);
    assert_non_null(line = line_of(line, "baggage: c="));
    assert_int_equal(strlen(line->data), strlen("baggage: ") + sizeof baggage);
    assert_null(line->next);
    observe_curl_performed(&call, 0);
    stop_working(exchange);
}

static void a_traceparent_of_the_application_stays_alone(void **state)
{
    (void)state;
    static const char *const forms[] = {"traceparent: 00-x", "TraceParent:", "traceparent;"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct curl_list own = {(char *)forms[i], NULL};
        option(CURLOPT_HTTPHEADER, (uintptr_t)&own);
        library_has.sets = 0;
        perform(0);
        assert_int_equal(library_has.sets, 0);
        assert_non_null(spans_next());
    }
    struct curl_list similar = {(char *)"traceparents: x", NULL};
    option(CURLOPT_HTTPHEADER, (uintptr_t)&similar);
    perform(0);
    assert_int_equal(library_has.sets, 2);
}

static void a_list_too_long_is_left_alone_and_counted(void **state)
{
    (void)state;
    static struct curl_list list[CURL_NODES + 1];
    for (size_t i = 0; i <= CURL_NODES; i++)
        list[i] = (struct curl_list){(char *)"X: y", i < CURL_NODES ? &list[i + 1] : NULL};
    option(CURLOPT_HTTPHEADER, (uintptr_t)list);
    perform(0);
    assert_int_equal(library_has.sets, 0);
    assert_int_equal(counters_get(&counters.injections_left_out), 1);
    assert_non_null(spans_next());
    list[CURL_NODES - 1].next = NULL;
    perform(0);
    assert_int_equal(library_has.sets, 2);
}

static void headers_that_proxies_see_are_left_alone(void **state)
{
    (void)state;
    option(CURLOPT_HEADEROPT, CURLHEADER_UNIFIED);
    perform(0);
    assert_int_equal(library_has.sets, 0);
}

static void a_handle_never_seen_is_left_alone(void **state)
{
    (void)state;
    struct curl_call call;
    void *unknown = (void *)0x9000;
    observe_curl_performing(&call, unknown);
    observe_curl_performed(&call, 0);
    assert_int_equal(library_has.sets, 0);
    assert_null(spans_next());
}

static void methods_follow_the_options(void **state)
{
    (void)state;
    static const struct {
        int option;
        uintptr_t value;
        const char *method;
    } steps[] = {
        {CURLOPT_POST, 1, "POST"},
        {CURLOPT_HTTPGET, 1, "GET"},
        {CURLOPT_POSTFIELDS, (uintptr_t) "a=b", "POST"},
        {CURLOPT_NOBODY, 1, "HEAD"},
        {CURLOPT_NOBODY, 0, "GET"},
        {CURLOPT_UPLOAD, 1, "PUT"},
        {CURLOPT_CUSTOMREQUEST, (uintptr_t) "DELETE", "DELETE"},
        {CURLOPT_CUSTOMREQUEST, 0, "PUT"},
        {CURLOPT_UPLOAD, 0, "GET"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        option(steps[i].option, steps[i].value);
        perform(0);
        assert_slice(span_find_name(spans_next()), steps[i].method);
    }
    option(CURLOPT_CUSTOMREQUEST, (uintptr_t) "PURGE");
    perform(0);
    const struct span_record *span = spans_next();
    assert_slice(span_find_name(span), "HTTP");
    assert_slice(span_find_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD), "_OTHER");
    assert_slice(span_find_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD_ORIGINAL), "PURGE");
}

static void an_option_the_library_refused_is_not_set(void **state)
{
    (void)state;
    observe_curl_option(easy, CURLOPT_POST, 1, 48);
    perform(0);
    assert_slice(span_find_name(spans_next()), "GET");
}

static void statuses_from_400_are_errors(void **state)
{
    (void)state;
    library_has.status = 404;
    perform(0);
    const struct span_record *span = spans_next();
    assert_int_equal(span->status, SPAN_STATUS_ERROR);
    assert_slice(span_find_string(span, ATTRIBUTE_ERROR_TYPE), "404");
    assert_int_equal(spans_events(span, EVENT_EXCEPTION), 0);
    perform(CURLE_HTTP_RETURNED_ERROR);
    assert_slice(span_find_string(spans_next(), ATTRIBUTE_ERROR_TYPE), "404");
}

static void failures_have_classes(void **state)
{
    (void)state;
    static const struct {
        int code;
        long os_errno;
        const char *type;
    } cases[] = {
        {CURLE_COULDNT_CONNECT, ECONNREFUSED, "ECONNREFUSED"},
        {CURLE_COULDNT_CONNECT, 0, "CURLE_COULDNT_CONNECT"},
        {CURLE_COULDNT_RESOLVE_HOST, 0, "name_resolution"},
        {CURLE_OPERATION_TIMEDOUT, 0, "timeout"},
        {CURLE_PEER_FAILED_VERIFICATION, 0, "tls"},
        {CURLE_SSL_CONNECT_ERROR, 0, "tls"},
        {CURLE_GOT_NOTHING, 0, "CURLE_GOT_NOTHING"},
        {CURLE_RECV_ERROR, ECONNRESET, "CURLE_RECV_ERROR"},
        {4711, 0, "_OTHER"},
    };
    library_has.status = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        library_has.os_errno = cases[i].os_errno;
        perform(cases[i].code);
        const struct span_record *span = spans_next();
        assert_int_equal(span->status, SPAN_STATUS_ERROR);
        assert_slice(span_find_string(span, ATTRIBUTE_ERROR_TYPE), cases[i].type);
        assert_slice(span_find_string(span, ATTRIBUTE_ERROR_MESSAGE), "what the library says");
        assert_int_equal(spans_events(span, EVENT_EXCEPTION), 1);
    }
}

static void posts_of_telemetry_have_neither_span_nor_header(void **state)
{
    (void)state;
    struct curl_list second = {(char *)"content-type : application/x-protobuf", NULL};
    struct curl_list list = {(char *)"X: y", &second};
    option(CURLOPT_POST, 1);
    option(CURLOPT_HTTPHEADER, (uintptr_t)&list);
    /* Metrics, because spans would be the last that this process sees. */
    static const char *const urls[] = {"http://u:p@c:4318/v1/metrics?a=b", "c/x/v1/metrics",
                                       "https://c:4318//v1/metrics#x"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        option(CURLOPT_URL, (uintptr_t)urls[i]);
        perform(0);
        observe_curl_added(multi, easy, 0);
        observe_curl_removing(easy);
    }
    assert_int_equal(library_has.sets, 0);
    assert_null(spans_next());
    assert_int_equal(counters_get(&counters.left_out_telemetry), 6);
    static const char *const others[] = {"http://c/", "c", "http://c/?/v1/metrics",
                                         "http://c#/v1/metrics", "http://c/v1/metrics/1"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        option(CURLOPT_URL, (uintptr_t)others[i]);
        perform(0);
        assert_non_null(spans_next());
    }
    option(CURLOPT_URL, (uintptr_t)urls[0]);
    option(CURLOPT_HTTPGET, 1);
    perform(0);
    assert_non_null(spans_next());
    assert_int_equal(counters_get(&counters.left_out_telemetry), 6);
}

static void other_protocols_have_no_spans(void **state)
{
    (void)state;
    static const char *const urls[] = {"ftp://host/x", "file:///etc/passwd", "ftp.host/x"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        option(CURLOPT_URL, (uintptr_t)urls[i]);
        perform(0);
        assert_null(spans_next());
    }
    assert_int_equal(library_has.sets, 0);
    option(CURLOPT_URL, (uintptr_t) "imap.example"); /* libcurl guesses; we learn it afterwards */
    library_has.scheme = "IMAP";
    perform(0);
    assert_null(spans_next());
    assert_ptr_equal(library_has.headers, NULL);
}

static void a_url_without_a_scheme_is_told_as_the_library_understood_it(void **state)
{
    (void)state;
    option(CURLOPT_URL, (uintptr_t) "api.example/x");
    library_has.effective_url = "http://api.example/x";
    perform(0);
    const struct span_record *span = spans_next();
    assert_slice(span_find_string(span, ATTRIBUTE_URL_FULL), "http://api.example/x");
    assert_slice(span_find_string(span, ATTRIBUTE_PEER_SERVER_ADDRESS), "api.example");
}

static void a_cut_url_shows_no_password(void **state)
{
    (void)state;
    static char url[4096] = "http://user:hunter2";
    memset(url + strlen(url), '2', sizeof url - strlen(url) - 1);
    memcpy(url + sizeof url - 16, "@host/", 6);
    option(CURLOPT_URL, (uintptr_t)url);
    library_has.effective_url = url;
    perform(0);
    const struct span_record *span = spans_next();
    assert_non_null(span);
    assert_false(spans_hold(span, "hunter2"));
}

static void without_a_url_nothing_was_asked(void **state)
{
    (void)state;
    observe_curl_reset(easy);
    perform(CURLE_URL_MALFORMAT);
    assert_null(spans_next());
}

static void a_perform_within_itself_gives_one_span(void **state)
{
    (void)state;
    struct curl_call frames[2];
    struct curl_call *outer = &frames[1];
    observe_curl_performing(outer, easy);
    struct curl_list *injected = library_has.headers;
    observe_curl_added(multi, easy, 0); /* libcurl's own calls, deeper */
    struct curl_message done = {CURL_MESSAGE_DONE, easy, {.code = 0}};
    observe_curl_message(&done);
    observe_curl_removing(easy);
    assert_ptr_equal(library_has.headers, injected);
    observe_curl_performed(outer, 0);
    assert_non_null(spans_next());
    assert_null(spans_next());
}

static void a_handle_that_could_not_be_added_has_no_transfer(void **state)
{
    (void)state;
    observe_curl_added(multi, easy, 1);
    observe_curl_removing(easy);
    assert_int_equal(library_has.sets, 0);
    assert_null(spans_next());
}

static void a_copy_gets_the_applications_list(void **state)
{
    (void)state;
    struct curl_list own = {(char *)"X: y", NULL};
    option(CURLOPT_HTTPHEADER, (uintptr_t)&own);
    observe_curl_added(multi, easy, 0);
    assert_ptr_not_equal(library_has.headers, &own);
    observe_curl_copied(&library, easy, copy);
    assert_ptr_equal(library_has.headers, &own); /* set on the copy */
    struct curl_call call;
    observe_curl_performing(&call, copy);
    assert_string_equal(library_has.headers->data, "X: y");
    observe_curl_performed(&call, 0);
    assert_slice(span_find_string(spans_next(), ATTRIBUTE_PEER_SERVER_ADDRESS), "api.example");
}

static void a_list_set_in_the_middle_stays(void **state)
{
    (void)state;
    struct curl_list own = {(char *)"X: y", NULL};
    observe_curl_added(multi, easy, 0);
    option(CURLOPT_HTTPHEADER, (uintptr_t)&own);
    library_has.sets = 0;
    observe_curl_removing(easy);
    assert_int_equal(library_has.sets, 0);
    assert_ptr_equal(library_has.headers, &own);
}

static void a_reset_handle_begins_anew(void **state)
{
    (void)state;
    option(CURLOPT_POST, 1);
    observe_curl_reset(easy);
    option(CURLOPT_URL, (uintptr_t) "http://other.example/");
    perform(0);
    const struct span_record *span = spans_next();
    assert_slice(span_find_name(span), "GET");
    assert_slice(span_find_string(span, ATTRIBUTE_PEER_SERVER_ADDRESS), "other.example");
}

static void s3_is_named_by_what_it_does(void **state)
{
    (void)state;
    option(CURLOPT_URL, (uintptr_t) "http://s3.example:9000/images/a%20cat.png");
    option(CURLOPT_UPLOAD, 1);
    library_has.uploaded = 123;
    perform(0);
    const struct span_record *span = spans_next();
    assert_slice(span_find_name(span), "S3.PutObject");
    assert_slice(span_find_string(span, ATTRIBUTE_RPC_METHOD), "PutObject");
    assert_slice(span_find_string(span, ATTRIBUTE_AWS_S3_BUCKET), "images");
    assert_slice(span_find_string(span, ATTRIBUTE_AWS_S3_KEY), "a cat.png");
    assert_slice(span_find_string(span, ATTRIBUTE_AWS_REQUEST_ID), "REQUEST-ID");
    assert_int_equal(spans_integer(span, ATTRIBUTE_AWS_S3_OBJECT_SIZE), 123);
}

static void a_signature_tells_s3(void **state)
{
    (void)state;
    option(CURLOPT_URL, (uintptr_t) "http://store.internal/images/cat.png");
    perform(0);
    assert_slice(span_find_name(spans_next()), "GET");
    option(CURLOPT_AWS_SIGV4, (uintptr_t) "aws:amz:eu-west-3:s3");
    perform(0);
    const struct span_record *span = spans_next();
    assert_slice(span_find_name(span), "S3.GetObject");
    assert_slice(span_find_string(span, ATTRIBUTE_CLOUD_REGION), "eu-west-3");

    /* The header's memory is the application's again when the transfer is over. */
    option(CURLOPT_AWS_SIGV4, 0);
    char text[] = "Authorization: AWS4-HMAC-SHA256 Credential=HUNTER2/20260101/us-east-1/s3/"
                  "aws4_request, SignedHeaders=host, Signature=abc";
    struct curl_list own = {text, NULL};
    option(CURLOPT_HTTPHEADER, (uintptr_t)&own);
    observe_curl_added(multi, easy, 0);
    memset(text, 'x', sizeof text - 1);
    observe_curl_removing(easy);
    span = spans_next();
    assert_slice(span_find_name(span), "S3.GetObject");
    assert_slice(span_find_string(span, ATTRIBUTE_CLOUD_REGION), "us-east-1");
    assert_false(spans_hold(span, "HUNTER2"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_with_a_handle, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_transfer_makes_a_span),
        TEST(the_header_names_the_span_and_the_applications_list_stays),
        TEST(an_unsampled_context_travels_without_a_span),
        TEST(the_longest_lists_of_a_request_go_out_whole),
        TEST(a_traceparent_of_the_application_stays_alone),
        TEST(a_list_too_long_is_left_alone_and_counted),
        TEST(headers_that_proxies_see_are_left_alone),
        TEST(a_handle_never_seen_is_left_alone),
        TEST(methods_follow_the_options),
        TEST(an_option_the_library_refused_is_not_set),
        TEST(statuses_from_400_are_errors),
        TEST(failures_have_classes),
        TEST(posts_of_telemetry_have_neither_span_nor_header),
        TEST(other_protocols_have_no_spans),
        TEST(a_url_without_a_scheme_is_told_as_the_library_understood_it),
        TEST(a_cut_url_shows_no_password),
        TEST(without_a_url_nothing_was_asked),
        TEST(a_perform_within_itself_gives_one_span),
        TEST(a_handle_that_could_not_be_added_has_no_transfer),
        TEST(a_copy_gets_the_applications_list),
        TEST(a_list_set_in_the_middle_stays),
        TEST(a_reset_handle_begins_anew),
        TEST(s3_is_named_by_what_it_does),
        TEST(a_signature_tells_s3),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
