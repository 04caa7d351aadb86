// SPDX-License-Identifier: Apache-2.0
/* What threads and a process show, and what they are told from then on. */
#include <sys/epoll.h>

#include "agent/life.h"
#include "tests/unit/seam.h"

#define LOOP_FD (FD + 5)

static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
static const char half[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab";
static const char rest[] = "cd";
static const char nothing[] = "HTTP/1.1 204 No Content\r\n\r\n";

static void wait_as_a_loop(void)
{
    observe_waited(LOOP_FD);
}

static void become_a_loop(void)
{
    observe_listened(LISTENER_FD, 0);
    observe_registered(LOOP_FD, EPOLL_CTL_ADD, LISTENER_FD);
    wait_as_a_loop();
    accept_connection(FD);
    accept_connection(FD + 1);
    accept_connection(FD + 2);
}

static void on_another_thread(void *(*act)(void *))
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, act, NULL), 0);
    pthread_join(thread, NULL);
}

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

/* ---- processes ---- */

static bool others;

static void *answer_for_another(void *unused)
{
    (void)unused;
    answer(FD, nothing);
    return NULL;
}

static void *read_on(void *unused)
{
    (void)unused;
    receive(FD, rest);
    others = has_context();
    return NULL;
}

static void *read_for_another(void *unused)
{
    (void)unused;
    receive(FD, get);
    return NULL;
}

static void *take_some_of_the_answer(void *unused)
{
    (void)unused;
    answer(FD, "rest!");
    return NULL;
}

static void a_process_whose_threads_answer_for_each_other_hands_over(void **state)
{
    (void)state;
    accept_connection(FD);
    accept_connection(FD + 1);
    receive(FD + 1, get);
    assert_true(has_context());
    on_another_thread(read_for_another);
    answer(FD, nothing);
    receive(FD + 1, get);
    assert_false(has_context());
}

static void what_it_worked_for_before_is_in_doubt_too(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    assert_true(has_context());
    on_another_thread(answer_for_another);
    assert_false(has_context());
}

static void so_does_one_whose_threads_read_one_request(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, half);
    assert_true(has_context());
    others = true;
    on_another_thread(read_on);
    assert_false(others);
    assert_false(has_context());
}

static void *read_half_as_a_loop(void *unused)
{
    wait_as_a_loop();
    receive(FD, half);
    return unused;
}

static void who_reads_the_rest_of_another_s_request_does_not_defer_it(void **state)
{
    (void)state;
    become_a_loop();
    on_another_thread(read_half_as_a_loop);
    receive(FD, rest);
    answer(FD, nothing);
    wait_as_a_loop();
    receive(FD + 1, get);
    work_call();
    answer(FD + 1, nothing);
    assert_true(evidence_handles_in_order());
}

static void half_a_head_is_some_of_a_request(void **state)
{
    (void)state;
    accept_connection(FD);
    accept_connection(FD + 1);
    receive(FD, "GET /a HT");
    on_another_thread(read_on);
    receive(FD + 1, get);
    assert_false(has_context());
}

static void so_does_one_whose_reader_leaves_requests_behind(void **state)
{
    (void)state;
    accept_connection(FD);
    accept_connection(FD + 1);
    receive(FD, get);
    receive(FD + 1, get);
    assert_false(has_context());
    answer(FD + 1, nothing);
    receive(FD + 1, get);
    assert_false(has_context());
}

static void what_comes_after_a_shutdown_is_thrown_away(void **state)
{
    (void)state;
    accept_connection(FD);
    accept_connection(FD + 1);
    observe_shut_down(FD, SHUT_WR, 0, observe_shutting_down(FD));
    receive(FD, get);
    receive(FD + 1, get);
    assert_true(has_context());
}

static void the_rest_of_an_answer_may_be_anybody_s(void **state)
{
    (void)state;
    accept_connection(FD);
    accept_connection(FD + 1);
    receive(FD, get);
    answer(FD, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome");
    receive(FD + 1, get);
    assert_true(has_context());
    on_another_thread(take_some_of_the_answer);
    assert_true(has_context());
}

static void what_is_read_behind_an_answer_may_be_anybody_s(void **state)
{
    (void)state;
    accept_connection(FD);
    accept_connection(FD + 1);
    receive(FD, half);
    answer(FD, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    on_another_thread(read_on);
    receive(FD + 1, get);
    assert_true(has_context());
}

static void a_connection_that_another_thread_serves_next_is_not_handed_over(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, get);
    answer(FD, nothing);
    on_another_thread(read_for_another);
    assert_true(evidence_tells());
}

static void a_forked_child_works_for_what_it_reads_on(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, half);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        atomic_store(life_mark, LIFE_WIPED); /* where the kernel can't */
        (void)agent_enter();
        bool told = has_context(); /* it may be a worker that was made in passing */
        receive(FD, "cd");
        bool reads_on = has_context();
        answer(FD, nothing);
        _exit(!told && reads_on && evidence_tells() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

/* ---- what a thread leaves behind ---- */

static const char two[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
                          "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";

static void who_asks_for_more_and_gets_none_may_leave_the_rest(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, half);
    assert_true(has_context());
    errno = EAGAIN;
    observe_received(FD, NULL, -1, 0);
    assert_int_equal(errno, EAGAIN);
    assert_false(has_context());
    receive(FD, rest);
    assert_true(has_context());
    errno = EAGAIN; /* there is no more to come */
    observe_received(FD, NULL, -1, 0);
    assert_true(has_context());
}

static void who_makes_a_loop_wait_for_a_connection_has_left_it(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, half);
    observe_registered(LOOP_FD, EPOLL_CTL_MOD, FD);
    assert_false(has_context());
}

static void a_thread_that_goes_round_is_not_known_to_go_on(void **state)
{
    (void)state;
    accept_connection(FD);
    accept_connection(FD + 1);
    receive(FD, two);
    answer(FD, nothing);
    assert_true(has_context());
    answer(FD, nothing);
    receive(FD + 1, two); /* and the other is still open */
    assert_true(has_context());
    answer(FD + 1, nothing);
    assert_false(has_context());
    answer(FD + 1, nothing);
    observe_polled(&(struct pollfd){.fd = FD + 1}, 1, 1); /* but it waits for this one alone */
    receive(FD + 1, two);
    answer(FD + 1, nothing);
    assert_true(has_context());
}

static void who_works_on_after_answers_does_not_go_on_with_them(void **state)
{
    (void)state;
    accept_connection(FD);
    receive(FD, two);
    answer(FD, nothing);
    assert_true(has_context());
    answer(FD, nothing);
    assert_false(has_context()); /* this is the call that shows it */
    receive(FD, two);
    assert_true(has_context());
    answer(FD, nothing);
    assert_false(has_context());
}

/* As inetd hands it on. */
static void a_connection_may_have_changed_its_number(void **state)
{
    (void)state;
    accept_connection(FD);
    observe_duplicated(FD, FD + 6);
    observe_closing(FD);
    receive(FD + 6, two);
    answer(FD + 6, nothing);
    assert_true(has_context());
}

static void nor_is_one_that_does_not_wait_in_reading(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    accept_connection(pair[0]);
    receive(pair[0], two);
    answer(pair[0], nothing);
    assert_false(has_context());
    observe_closing(pair[0]);
    close(pair[0]);
    close(pair[1]);
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
        TEST(a_process_whose_threads_answer_for_each_other_hands_over),
        TEST(what_it_worked_for_before_is_in_doubt_too),
        TEST(so_does_one_whose_threads_read_one_request),
        TEST(who_reads_the_rest_of_another_s_request_does_not_defer_it),
        TEST(half_a_head_is_some_of_a_request),
        TEST(so_does_one_whose_reader_leaves_requests_behind),
        TEST(what_comes_after_a_shutdown_is_thrown_away),
        TEST(the_rest_of_an_answer_may_be_anybody_s),
        TEST(what_is_read_behind_an_answer_may_be_anybody_s),
        TEST(a_connection_that_another_thread_serves_next_is_not_handed_over),
        TEST(a_forked_child_works_for_what_it_reads_on),
        TEST(who_asks_for_more_and_gets_none_may_leave_the_rest),
        TEST(who_makes_a_loop_wait_for_a_connection_has_left_it),
        TEST(a_thread_that_goes_round_is_not_known_to_go_on),
        TEST(who_works_on_after_answers_does_not_go_on_with_them),
        TEST(a_connection_may_have_changed_its_number),
        TEST(nor_is_one_that_does_not_wait_in_reading),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
