// SPDX-License-Identifier: Apache-2.0
/* What is done once. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/once.h"

enum { THREADS = 8 };

static struct once once;
static _Atomic int made;
static _Atomic int begun;
static _Atomic bool may_go_on;
static bool answer;

static bool make(void)
{
    made++;
    return answer;
}

static bool make_slowly(void)
{
    made++;
    begun++;
    while (!may_go_on)
        usleep(100);
    return answer;
}

static int set_up(void **state)
{
    (void)state;
    once = (struct once){0};
    made = begun = 0;
    may_go_on = false;
    answer = true;
    return 0;
}

static void it_is_done_by_the_first_and_then_done(void **state)
{
    (void)state;
    assert_false(once_is_done(&once));
    assert_true(once_run(&once, make));
    assert_true(once_run(&once, make));
    assert_true(once_is_done(&once));
    assert_int_equal(made, 1);
}

static void what_failed_is_not_tried_again(void **state)
{
    (void)state;
    answer = false;
    assert_false(once_run(&once, make));
    answer = true;
    assert_false(once_run(&once, make));
    assert_int_equal(made, 1);
    once_reset(&once);
    assert_true(once_run(&once, make));
    assert_int_equal(made, 2);
}

static void *run(void *unused)
{
    (void)unused;
    return once_run(&once, make_slowly) ? &once : NULL;
}

static void who_comes_meanwhile_waits_for_it(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, NULL), 0);
    while (!begun)
        usleep(100);
    may_go_on = true;
    for (int i = 0; i < THREADS; i++) {
        void *done;
        pthread_join(threads[i], &done);
        assert_non_null(done);
    }
    assert_int_equal(made, 1);
}

static bool ask_while_at_it(void)
{
    made++;
    assert_false(once_run(&once, make)); /* as a handler would that the thread can't get past */
    return true;
}

static void the_thread_that_is_at_it_does_not_wait_for_itself(void **state)
{
    (void)state;
    assert_true(once_run(&once, ask_while_at_it));
    assert_int_equal(made, 1);
}

static void a_forked_child_does_anew_what_another_thread_was_at(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    skip(); /* ThreadSanitizer can't follow a child forked from several threads */
#endif
    pthread_t thread;
    int status = -1;
    assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
    while (!begun)
        usleep(100);
    pid_t child = fork();
    if (child == 0) {
        once_forked(&once);
        _exit(once_run(&once, make) && made == 2 ? 0 : 1);
    }
    assert_true(child > 0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    may_go_on = true;
    pthread_join(thread, NULL);
    assert_int_equal(status, 0);
    assert_true(once_is_done(&once));
    once_forked(&once); /* what is done stays done */
    assert_true(once_is_done(&once));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_done_by_the_first_and_then_done),
        TEST(what_failed_is_not_tried_again),
        TEST(who_comes_meanwhile_waits_for_it),
        TEST(the_thread_that_is_at_it_does_not_wait_for_itself),
        TEST(a_forked_child_does_anew_what_another_thread_was_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
