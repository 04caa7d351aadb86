// SPDX-License-Identifier: Apache-2.0
/* Whose work a thread does: contexts by thread, by connection, and when there is none. */
#include "tests/unit/seam.h"

static void an_incoming_traceparent_is_the_parent(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET / HTTP/1.1\r\nHost: a\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
                "tracestate: a=1\r\ntracestate: b=2\r\nbaggage: user=7\r\n\r\n");
    char carried[EXCHANGE_BAGGAGE_BYTES];
    assert_int_equal(exchange_copy_tracestate(context_current(), carried), 7);
    assert_memory_equal(carried, "a=1,b=2", 7);
    assert_int_equal(exchange_copy_baggage(context_current(), carried), 6);
    answer(FD, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(exchange_copy_tracestate(context_current(), carried), 0);

    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_int_equal(span->trace_id[0], 0x0a);
    assert_int_equal(span->parent_id[0], 0xb7);
    assert_int_equal(span->parent_remote, 1);
}

static void an_unsampled_parent_leaves_no_span_but_a_context(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET / HTTP/1.1\r\nHost: a\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n\r\n");
    assert_int_equal(context_current()->span.trace_id[0], 0x0a);
    assert_int_equal(context_current()->span.flags & TRACE_FLAG_SAMPLED, 0);
    answer(FD, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_null(next_span());
}

static void work_of_a_request_is_its_child(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    struct span_context self, parent;
    assert_true(context_begin_span(&self, &parent));
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const struct span_record *span = next_span();
    assert_memory_equal(parent.span_id, span->span_id, 8);
    assert_memory_equal(self.trace_id, span->trace_id, 16);
    /* After the response, too, until this thread reads again. */
    context_begin_span(&self, &parent);
    assert_memory_equal(parent.span_id, span->span_id, 8);
    receive(FD, "GET /half");
    context_begin_span(&self, &parent);
    assert_false(span_context_present(&parent));
}

static void a_client_connection_brings_its_context_back(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    struct context request = *context_current();
    struct sockaddr_in peer = {.sin_family = AF_INET};
    observe_connected(FD + 1, (struct sockaddr *)&peer, sizeof peer, 0);
    context_clear();
    answer(FD + 1, "x"); /* the first write belongs to whoever connected */
    receive(FD + 1, "y");
    assert_memory_equal(context_current(), &request, sizeof request);
    context_clear();
    answer(FD + 1, "x"); /* the second to whoever writes */
    receive(FD + 1, "y");
    assert_false(span_context_present(&context_current()->span));
}

static void the_loop_s_own_wait_clears_the_context(void **state)
{
    (void)state;
    observe_waited(7);
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    observe_waited(8); /* a handler's private wait */
    assert_true(span_context_present(&context_current()->span));
    observe_waited(7);
    assert_false(span_context_present(&context_current()->span));
}

static bool has_context(void)
{
    return span_context_present(&context_current()->span);
}

static void a_poll_that_holds_a_listener_is_the_loop_s(void **state)
{
    (void)state;
    observe_listened(FD + 1, 0);
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    struct pollfd waits[2] = {{.fd = FD}, {.fd = FD + 2}};
    observe_polled(waits, 2, 0); /* a handler waits for its own client, or for anything else */
    assert_true(has_context());
    waits[1].fd = FD + 1;
    observe_polled(waits, 2, -1); /* interrupted */
    assert_true(has_context());
    observe_polled(waits, 2, 0);
    assert_false(has_context());
}

static void a_poll_that_holds_another_connection_is_the_loop_s(void **state)
{
    (void)state;
    accept_connection(FD + 1);
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    struct pollfd waits[2] = {{.fd = FD}, {.fd = FD + 1}};
    observe_polled(waits, 1, 1);
    assert_true(has_context());
    observe_polled(waits, 2, 1);
    assert_false(has_context());
}

static void a_select_tells_by_what_is_ready(void **state)
{
    (void)state;
    observe_listened(FD + 1, 0);
    accept_connection(FD);
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    fd_set ready;
    FD_ZERO(&ready);
    observe_selected(0, NULL, 0); /* a nap */
    FD_SET(FD, &ready);
    observe_selected(FD + 2, &ready, 1);
    assert_true(has_context());
    FD_SET(FD + 1, &ready);
    observe_selected(FD + 2, &ready, 2);
    assert_false(has_context());
    receive(FD, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(has_context());
    observe_selected(FD + 2, &ready, 0); /* timed out: for whom, is not known */
    assert_false(has_context());
}

static void expect_one_line(void *count, struct slice name, struct slice value)
{
    assert_int_equal(strcspn(name.at, "\r\n"), strlen(name.at)); /* a literal */
    for (size_t i = 0; i < value.length; i++)
        assert_true(value.at[i] != '\r' && value.at[i] != '\n' && value.at[i] != '\0');
    ++*(int *)count;
}

static void what_is_passed_on_is_one_line(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "tracestate: a=1\rX-Injected: 1\r\nbaggage: b=1\rX-Injected: 1\r\n",
        "tracestate: a=1\r\n X-Injected: 1\r\nbaggage: b=1\r\n\tX-Injected: 1\r\n",
        "tracestate: a=1\nX-Injected: 1\r\nbaggage: b=1\n X-Injected: 1\r\n",
        "tracestate: a=%0d%0aX-Injected: 1\r\nbaggage: b=%0d%0aX-Injected: 1\r\n",
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char request[512];
        int lines = 0;
        struct span_context self, parent;
        snprintf(request, sizeof request,
                 "GET / HTTP/1.1\r\nHost: a\r\n"
                 "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n%s\r\n",
                 fields[i]);
        accept_connection(FD);
        receive(FD, request);
        context_begin_span(&self, &parent);
        context_propagate(&self, expect_one_line, &lines);
        assert_true(lines >= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_incoming_traceparent_is_the_parent),
        TEST(an_unsampled_parent_leaves_no_span_but_a_context),
        TEST(work_of_a_request_is_its_child),
        TEST(a_client_connection_brings_its_context_back),
        TEST(the_loop_s_own_wait_clears_the_context),
        TEST(a_poll_that_holds_a_listener_is_the_loop_s),
        TEST(a_poll_that_holds_another_connection_is_the_loop_s),
        TEST(a_select_tells_by_what_is_ready),
        TEST(what_is_passed_on_is_one_line),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
