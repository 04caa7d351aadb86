// SPDX-License-Identifier: Apache-2.0
/* What a process shows whose threads answer for each other, and what it is told from then on. */
#include "agent/life/life.h"
#include "tests/unit/work/loops.h"

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
