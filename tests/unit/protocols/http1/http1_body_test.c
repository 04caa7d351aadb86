// SPDX-License-Identifier: Apache-2.0
/* Bodies apart from their heads: bytes that go by unseen, counts, ends. Framing by fields and the
 * grammar of chunks are vectors, read by http1_test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/protocols/http1/http1_body.h"

static struct http1_body request_body(const char *head)
{
    struct http1_request request;
    struct http1_body body;
    assert_int_equal(http1_parse_request(slice_of(head), HTTP1_WANT_ALL, &request), PARSE_OK);
    http1_body_of_request(&body, &request);
    return body;
}

static struct http1_body response_body(const char *head, enum http1_method method)
{
    struct http1_response response;
    struct http1_body body;
    assert_int_equal(http1_parse_response(slice_of(head), HTTP1_WANT_ALL, &response), PARSE_OK);
    http1_body_of_response(&body, &response, method);
    return body;
}

static struct http1_body chunked_body(void)
{
    return request_body("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static struct http1_body until_close_body(void)
{
    return response_body("HTTP/1.1 200 OK\r\n\r\n", HTTP1_METHOD_OTHER);
}

static void unseen_bytes_fill_a_body_of_known_length(void **state)
{
    struct http1_body body = request_body("PUT / HTTP/1.1\r\nContent-Length: 5000000000\r\n\r\n");
    (void)state;
    http1_body_skip(&body, 4999999999);
    assert_int_equal(body.state, HTTP1_BODY_MORE);
    assert_int_equal(http1_body_feed(&body, SLICE_LITERAL("xGET")), 1);
    assert_int_equal(body.state, HTTP1_BODY_DONE);
    assert_true(body.seen_bytes == 5000000000);
}

static void unseen_bytes_past_the_length_are_bad(void **state)
{
    struct http1_body body = request_body("PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n");
    (void)state;
    http1_body_skip(&body, 6);
    assert_int_equal(body.state, HTTP1_BODY_BAD);
    assert_int_equal(http1_body_feed(&body, SLICE_LITERAL("x")), 0);
}

static void unseen_bytes_after_the_end_are_bad_but_none_are_fine(void **state)
{
    struct http1_body body = request_body("GET / HTTP/1.1\r\n\r\n");
    (void)state;
    http1_body_skip(&body, 0);
    assert_int_equal(body.state, HTTP1_BODY_DONE);
    http1_body_skip(&body, 1);
    assert_int_equal(body.state, HTTP1_BODY_BAD);
}

static void unseen_bytes_may_be_data_of_one_chunk(void **state)
{
    struct http1_body body = chunked_body();
    (void)state;
    assert_int_equal(http1_body_feed(&body, SLICE_LITERAL("8\r\nab")), 5);
    http1_body_skip(&body, 6);
    assert_int_equal(body.state, HTTP1_BODY_MORE);
    assert_int_equal(http1_body_feed(&body, SLICE_LITERAL("\r\n0\r\n\r\nGET")), 7);
    assert_int_equal(body.state, HTTP1_BODY_DONE);
    assert_true(body.seen_bytes == 8);
}

static void unseen_bytes_in_chunk_framing_are_bad(void **state)
{
    static const char *const before[] = {"", "4", "4\r", "4\r\nabcd", "4\r\nab", "0\r\n", "0\r\nT"};
    (void)state;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        struct http1_body body = chunked_body();
        assert_int_equal(http1_body_feed(&body, slice_of(before[i])), strlen(before[i]));
        assert_int_equal(body.state, HTTP1_BODY_MORE);
        http1_body_skip(&body, 3);
        assert_int_equal(body.state, HTTP1_BODY_BAD);
    }
}

static void unseen_bytes_count_until_close(void **state)
{
    struct http1_body body = until_close_body();
    (void)state;
    http1_body_skip(&body, UINT64_C(1) << 40);
    assert_int_equal(http1_body_feed(&body, SLICE_LITERAL("abc")), 3);
    assert_int_equal(body.state, HTTP1_BODY_MORE);
    http1_body_end_of_stream(&body);
    assert_int_equal(body.state, HTTP1_BODY_DONE);
    assert_true(body.seen_bytes == (UINT64_C(1) << 40) + 3);
    http1_body_skip(&body, 1);
    assert_int_equal(body.state, HTTP1_BODY_BAD);
}

static void the_end_of_the_stream_cuts_a_body_short(void **state)
{
    struct http1_body length = request_body("PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n");
    struct http1_body chunked = chunked_body();
    struct http1_body none = request_body("GET / HTTP/1.1\r\n\r\n");
    (void)state;
    http1_body_end_of_stream(&length);
    assert_int_equal(length.state, HTTP1_BODY_BAD);
    http1_body_end_of_stream(&chunked);
    assert_int_equal(chunked.state, HTTP1_BODY_BAD);
    http1_body_end_of_stream(&none);
    assert_int_equal(none.state, HTTP1_BODY_DONE);
}

static void a_body_that_is_done_takes_no_more(void **state)
{
    struct http1_body body = chunked_body();
    (void)state;
    assert_int_equal(http1_body_feed(&body, SLICE_LITERAL("0\r\n\r\n0\r\n")), 5);
    assert_int_equal(http1_body_feed(&body, SLICE_LITERAL("0\r\n")), 0);
    assert_int_equal(body.state, HTTP1_BODY_DONE);
}

static void no_bytes_change_nothing(void **state)
{
    struct http1_body body = until_close_body();
    (void)state;
    assert_int_equal(http1_body_feed(&body, SLICE_NONE), 0);
    assert_int_equal(body.state, HTTP1_BODY_MORE);
    assert_true(body.seen_bytes == 0);
}

/* The largest chunk is below 2^63, so that sums of two sizes cannot wrap. */
static void chunk_sizes_are_bounded(void **state)
{
    struct http1_body body = chunked_body();
    (void)state;
    (void)http1_body_feed(&body, SLICE_LITERAL("7fffffffffffffff\r\n"));
    assert_int_equal(body.state, HTTP1_BODY_MORE);
    assert_true(body.remaining == INT64_MAX);
    body = chunked_body();
    (void)http1_body_feed(&body, SLICE_LITERAL("8000000000000000\r\n"));
    assert_int_equal(body.state, HTTP1_BODY_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unseen_bytes_fill_a_body_of_known_length),
        cmocka_unit_test(unseen_bytes_past_the_length_are_bad),
        cmocka_unit_test(unseen_bytes_after_the_end_are_bad_but_none_are_fine),
        cmocka_unit_test(unseen_bytes_may_be_data_of_one_chunk),
        cmocka_unit_test(unseen_bytes_in_chunk_framing_are_bad),
        cmocka_unit_test(unseen_bytes_count_until_close),
        cmocka_unit_test(the_end_of_the_stream_cuts_a_body_short),
        cmocka_unit_test(a_body_that_is_done_takes_no_more),
        cmocka_unit_test(no_bytes_change_nothing),
        cmocka_unit_test(chunk_sizes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
