// SPDX-License-Identifier: Apache-2.0
/* What threads and a process show, and what they are told from then on. */
#include "tests/unit/work/loops.h"

/* ---- loops ---- */

static void a_loop_that_owes_two_answers_works_for_neither(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, get);
    receive(FD + 1, get);
    assert_false(has_context());
    answer(FD, nothing);
    assert_false(has_context());
    answer(FD + 1, nothing);
    receive(FD + 1, get);
    assert_true(has_context());
}

/* It was read before anybody knew that this is a loop. */
static void a_request_that_is_not_counted_is_not_the_one_that_is_owed(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, half);
    observe_listened(LISTENER_FD, 0);
    observe_registered(LOOP_FD, EPOLL_CTL_ADD, LISTENER_FD);
    wait_as_a_loop();
    accept_connection(FD + 1);
    receive(FD + 1, get);
    receive(FD, "c");
    assert_false(has_context());
}

static void an_unsampled_request_is_owed_an_answer_too(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, "GET / HTTP/1.1\r\nHost: a\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n\r\n");
    receive(FD + 1, get);
    assert_false(has_context());
}

static void a_request_whose_body_is_coming_is_not_at_work(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, half);
    receive(FD + 1, get);
    assert_true(has_context());
    answer(FD + 1, nothing);
    wait_as_a_loop();
    receive(FD, rest);
    assert_true(has_context());
}

static void unless_a_call_was_begun_under_it(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, half);
    assert_true(has_context());
    receive(FD + 1, get);
    assert_false(has_context());
}

static void unless_the_loop_was_seen_to_defer(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD + 2, get);
    wait_as_a_loop();
    answer(FD + 2, nothing);
    receive(FD, half);
    receive(FD + 1, get);
    assert_false(has_context());
}

static void a_long_answer_does_not_defer(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, get);
    assert_true(has_context());
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    wait_as_a_loop();
    assert_true(evidence_handles_in_order());
    receive(FD + 1, get); /* but it may still be at work for the other */
    assert_false(has_context());
}

static void a_loop_that_goes_on_after_a_wait_is_told_nothing_for_good(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, get);
    assert_true(has_context());
    wait_as_a_loop();
    assert_false(has_context()); /* this is the call that shows it */
    answer(FD, nothing);
    wait_as_a_loop();
    receive(FD, get);
    assert_false(has_context());
}

static void a_wait_for_something_else_shows_nothing(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, get);
    observe_waited(LOOP_FD + 1);
    assert_true(has_context());
    observe_polled(&(struct pollfd){.fd = FD}, 1, 1);
    assert_true(has_context());
    observe_polled(NULL, 0, 0);
    assert_true(has_context());
}

static void a_request_that_was_left_and_closed_may_be_at_work_for_ever(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, get);
    wait_as_a_loop();
    observe_closing(FD);
    receive(FD + 1, get);
    assert_false(has_context());
}

static void one_that_was_closed_at_once_is_not(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, get);
    observe_closing(FD);
    receive(FD + 1, get);
    assert_true(has_context());
}

static void nor_is_one_whose_client_had_gone(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, get);
    assert_true(has_context());
    struct sending sending = observe_sending(FD);
    errno = EPIPE;
    observe_sent(&sending, nothing, -1, 0);
    observe_closing(FD);
    receive(FD + 1, get);
    assert_true(has_context());
}

static void a_descriptor_that_waits_for_a_loop_is_one(void **state)
{
    (void)state;
    become_a_loop();
    observe_registered(LOOP_FD + 1, EPOLL_CTL_ADD, LOOP_FD);
    receive(FD, get);
    observe_waited(LOOP_FD + 1);
    assert_false(has_context());
}

/* A pair of sockets, by which a loop is woken, is no connection. */
static void a_private_loop_that_can_be_woken_is_still_private(void **state)
{
    (void)state;
    int pair[2] = {FD + 6, FD + 7};
    become_a_loop();
    receive(FD, get);
    observe_paired(pair, 0);
    observe_registered(LOOP_FD + 1, EPOLL_CTL_ADD, FD + 6);
    observe_waited(LOOP_FD + 1);
    assert_true(has_context());
}

static void a_turn_with_two_connections_is_told_nothing_by_a_loop_that_defers(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD + 2, get);
    wait_as_a_loop();
    answer(FD + 2, nothing);
    receive(FD, get);
    answer(FD, nothing);
    receive(FD + 1, get); /* what runs may still be the first one's */
    assert_false(has_context());
    answer(FD + 1, nothing);
    wait_as_a_loop();
    receive(FD + 1, get);
    assert_true(has_context());
}

static const char message[] = "\x81\x05hello"; /* a WebSocket's */

/* On FD, behind an upgrade. */
static void become_a_loop_with_a_tunnel(void)
{
    become_a_loop();
    receive(FD, get);
    answer(FD, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
    wait_as_a_loop();
}

static void a_turn_in_which_a_tunnel_was_read_may_be_its(void **state)
{
    (void)state;
    become_a_loop_with_a_tunnel();
    receive(FD, message);
    receive(FD + 1, get); /* what runs may be the message's: nobody sees it answered */
    assert_false(has_context());
    answer(FD + 1, nothing);
    wait_as_a_loop();
    receive(FD + 1, get);
    assert_true(has_context());
}

static void so_may_one_in_which_it_is_read_between(void **state)
{
    (void)state;
    become_a_loop_with_a_tunnel();
    receive(FD + 1, half);
    receive(FD, message);
    receive(FD + 1, rest);
    assert_false(has_context());
}

static void so_may_one_in_which_bytes_are_found_to_be_no_http(void **state)
{
    (void)state;
    become_a_loop();
    receive(FD, message);
    receive(FD + 1, get);
    assert_false(has_context());
}

static void a_thread_that_is_no_loop_reads_on_undisturbed(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, message);
    observe_closing(FD);
    accept_connection(FD);
    receive(FD, get);
    assert_true(has_context());
}

static void a_wait_that_others_can_end_is_a_loop_s(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, half);
    struct pollfd waits[2] = {{.fd = FD}, {.fd = FD + 8}}; /* a pipe */
    observe_polled(waits, 2, 1);
    assert_false(evidence_is_loop()); /* it has this connection only: it can be told to stop */
    receive(FD, rest);
    answer(FD, nothing);
    observe_closing(FD);
    accept_connection(FD);
    receive(FD, half);
    observe_polled(waits, 2, 1);
    assert_true(evidence_is_loop());
    receive(FD, rest);
    assert_true(has_context());
    answer(FD, nothing);
    observe_polled(waits, 2, 1);
    assert_false(has_context()); /* what they told it to do */
    receive(FD, half);
    assert_false(has_context());
}

static void a_request_that_is_over_is_no_reason_to_be_a_loop(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    observe_closing(FD);
    accept_connection(FD + 1);
    observe_polled(&(struct pollfd){.fd = FD + 1}, 1, 1);
    assert_false(evidence_is_loop());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_loop_that_owes_two_answers_works_for_neither),
        TEST(a_request_that_is_not_counted_is_not_the_one_that_is_owed),
        TEST(an_unsampled_request_is_owed_an_answer_too),
        TEST(a_request_whose_body_is_coming_is_not_at_work),
        TEST(unless_a_call_was_begun_under_it),
        TEST(unless_the_loop_was_seen_to_defer),
        TEST(a_long_answer_does_not_defer),
        TEST(a_loop_that_goes_on_after_a_wait_is_told_nothing_for_good),
        TEST(a_wait_for_something_else_shows_nothing),
        TEST(a_request_that_was_left_and_closed_may_be_at_work_for_ever),
        TEST(one_that_was_closed_at_once_is_not),
        TEST(nor_is_one_whose_client_had_gone),
        TEST(a_descriptor_that_waits_for_a_loop_is_one),
        TEST(a_private_loop_that_can_be_woken_is_still_private),
        TEST(a_turn_with_two_connections_is_told_nothing_by_a_loop_that_defers),
        TEST(a_turn_in_which_a_tunnel_was_read_may_be_its),
        TEST(so_may_one_in_which_it_is_read_between),
        TEST(so_may_one_in_which_bytes_are_found_to_be_no_http),
        TEST(a_thread_that_is_no_loop_reads_on_undisturbed),
        TEST(a_wait_that_others_can_end_is_a_loop_s),
        TEST(a_request_that_is_over_is_no_reason_to_be_a_loop),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
