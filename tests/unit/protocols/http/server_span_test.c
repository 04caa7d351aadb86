// SPDX-License-Identifier: Apache-2.0
/* What a server span says of targets, proxies and headers, from the bytes that came. */
#include "tests/unit/seam.h"
#include "tests/unit/vectors.h"

/* The span of a request with these lines, answered by 200. */
static const struct span_record *span_of(const char *head)
{
    accept_connection(FD);
    receive(FD, head);
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    connection_release(FD);
    const struct span_record *span = next_span();
    assert_non_null(span);
    return span;
}

static void check_target(const struct vectors_case *one, void *context)
{
    (void)context;
    char head[8192];
    snprintf(head, sizeof head, "%.*s HTTP/1.1\r\n%.*s\r\n\r\n", (int)one->fields[0].length,
             one->fields[0].at, (int)one->fields[1].length, one->fields[1].at);
    const struct span_record *span = span_of(head);
    static const struct {
        const char *name;
        enum attribute attribute;
    } told[] = {
        {"url.path", ATTRIBUTE_URL_PATH},
        {"url.query", ATTRIBUTE_URL_QUERY},
        {"http.url", ATTRIBUTE_HTTP_URL},
        {"server.address", ATTRIBUTE_SERVER_ADDRESS},
        {"client.address", ATTRIBUTE_CLIENT_ADDRESS},
    };
    assert_int_equal(one->count, 2 + sizeof told / sizeof *told + 1);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        assert_true(vectors_same(one, told[i].name, span_find_string(span, told[i].attribute),
                                 one->fields[2 + i]));
    assert_true(vectors_same(one, "name", span_find_name(span), one->fields[one->count - 1]));
}

static void a_span_tells_target_server_and_client(void **state)
{
    (void)state;
    assert_true(vectors_each("server_span/requests.tsv", check_target, NULL) > 20);
}

static void the_port_is_the_one_that_was_asked(void **state)
{
    (void)state;
    const struct span_record *span = span_of("GET http://a:81/ HTTP/1.1\r\nHost: b:82\r\n\r\n");
    assert_int_equal(integer(span, ATTRIBUTE_SERVER_PORT), 81);
    span = span_of("GET / HTTP/1.1\r\nHost: b:82\r\nX-Forwarded-Host: c:83\r\n\r\n");
    assert_int_equal(integer(span, ATTRIBUTE_SERVER_PORT), 83);
    span = span_of("GET / HTTP/1.1\r\nHost: b:82\r\nX-Forwarded-Host: c\r\n\r\n");
    assert_int_equal(integer(span, ATTRIBUTE_SERVER_PORT), -1);
}

/* Though it may be read while the answer goes out, and another request have the slot by then. */
static void a_body_is_counted_to_its_own_request(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    struct context context = *context_current();
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(integer(next_span(), ATTRIBUTE_HTTP_REQUEST_BODY_SIZE), 3);
    connection_release(FD);

    accept_connection(FD);
    receive(FD, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(context_current()->exchange, context.exchange);
    exchange_set_request_bytes(context.exchange - 1, context.generation, 4);
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(integer(next_span(), ATTRIBUTE_HTTP_REQUEST_BODY_SIZE), -1);
    connection_release(FD);
}

static void nothing_secret_shows_in_a_user_agent(void **state)
{
    (void)state;
    const struct span_record *span =
        span_of("GET / HTTP/1.1\r\nUser-Agent: Mozilla/5.0 (X11; rv:109.0) Gecko\r\n\r\n");
    assert_text(span_find_string(span, ATTRIBUTE_USER_AGENT_ORIGINAL),
                "Mozilla/5.0 (X11; rv:109.0) Gecko");
    span = span_of("GET / HTTP/1.1\r\nUser-Agent: bot (+https://u:pw@host/)\r\n\r\n");
    assert_text(span_find_string(span, ATTRIBUTE_USER_AGENT_ORIGINAL), "REDACTED");
    span = span_of("GET / HTTP/1.1\r\nUser-Agent: x token=abc\r\n\r\n");
    assert_text(span_find_string(span, ATTRIBUTE_USER_AGENT_ORIGINAL), "REDACTED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_span_tells_target_server_and_client),
        TEST(the_port_is_the_one_that_was_asked),
        TEST(a_body_is_counted_to_its_own_request),
        TEST(nothing_secret_shows_in_a_user_agent),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
