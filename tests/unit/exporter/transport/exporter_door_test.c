// SPDX-License-Identifier: Apache-2.0
/* The door is one a process, and once shut it stays so: each test has a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "exporter/transport/door.h"

#define MS 1000000u

static _Atomic int inside; /* 1: the thread has gone in; 2: it is about to leave */
static _Atomic bool leave;

static void *visit(void *unused)
{
    if (!door_enter())
        return NULL;
    atomic_store(&inside, 1);
    while (!atomic_load(&leave))
        usleep(1000);
    atomic_store(&inside, 2);
    door_leave();
    return unused;
}

static pthread_t visitor(void)
{
    pthread_t thread;
    atomic_store(&inside, 0);
    atomic_store(&leave, false);
    assert_int_equal(pthread_create(&thread, NULL, visit, NULL), 0);
    while (atomic_load(&inside) == 0)
        usleep(1000);
    return thread;
}

/* Runs a test in a child; its assertions are its exit status. */
static void alone(int (*test)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        door_init();
        _exit(test());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static int shutting(void)
{
    pthread_t thread = visitor();
    uint64_t begun = clock_monotonic_ns();
    door_shut(50 * MS); /* somebody stays inside */
    if (clock_monotonic_ns() - begun < 50 * MS || atomic_load(&inside) != 1)
        return 1;
    atomic_store(&leave, true);
    pthread_join(thread, NULL);
    return door_enter() ? 2 : 0;
}

static void who_shuts_waits_for_a_while_and_then_nobody_goes_in(void **state)
{
    (void)state;
    alone(shutting);
}

static int going_in_and_out(void)
{
    for (int i = 0; i < 3; i++) {
        if (!door_enter())
            return 1;
        door_leave();
    }
    door_shut(0);
    return door_enter() ? 2 : 0;
}

static void it_is_open_until_it_is_shut(void **state)
{
    (void)state;
    alone(going_in_and_out);
}

static void *leave_soon(void *unused)
{
    usleep(10000);
    atomic_store(&leave, true);
    return unused;
}

static int forking(void)
{
    int status = 1;
    pthread_t thread = visitor();
    pthread_t other;
    pthread_create(&other, NULL, leave_soon, NULL);
    pid_t child = fork();
    if (child == 0) {
        door_child();
        _exit(atomic_load(&inside) == 2 && door_enter() && !door_may_open() ? 0 : 1);
    }
    waitpid(child, &status, 0);
    pthread_join(thread, NULL);
    pthread_join(other, NULL);
    return status == 0 && door_enter() && door_may_open() ? 0 : 1;
}

static void a_fork_waits_until_nobody_is_inside(void **state)
{
    (void)state;
    alone(forking);
}

static void *resolve(void *unused)
{
    if (!door_resolver_begin())
        return NULL;
    atomic_store(&inside, 1);
    while (!atomic_load(&leave))
        usleep(1000);
    atomic_store(&inside, 2);
    door_resolver_end();
    return unused;
}

/* 0: all is well in the child. `soon`: the other thread's look-up ends within 10 ms. */
static int forking_while_one_resolves(bool soon)
{
    int status = 1;
    pthread_t thread;
    pthread_t other;
    atomic_store(&inside, 0);
    atomic_store(&leave, false);
    pthread_create(&thread, NULL, resolve, NULL);
    while (atomic_load(&inside) == 0)
        usleep(1000);
    if (soon)
        pthread_create(&other, NULL, leave_soon, NULL);
    uint64_t begun = clock_monotonic_ns();
    pid_t child = fork();
    if (child == 0) {
        door_child();
        bool ended = atomic_load(&inside) == 2;
        _exit((!soon || ended) && door_resolver_begin() && door_enter() ? 0 : 1);
    }
    uint64_t took = clock_monotonic_ns() - begun;
    waitpid(child, &status, 0);
    atomic_store(&leave, true);
    pthread_join(thread, NULL);
    if (soon)
        pthread_join(other, NULL);
    return status == 0 && took < 900 * MS && door_resolver_begin() ? 0 : 1;
}

static int forking_in_a_look_up(void)
{
    return forking_while_one_resolves(true);
}

static int forking_in_a_long_look_up(void)
{
    return forking_while_one_resolves(false);
}

static void a_fork_waits_for_a_look_up_but_not_for_a_name_server(void **state)
{
    (void)state;
    alone(forking_in_a_look_up);
    alone(forking_in_a_long_look_up);
}

static int forking_by_hand(void)
{
    int status = 1;
    pthread_t thread = visitor();
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        door_child();
        _exit(!door_enter() && !door_may_open() ? 0 : 1);
    }
    waitpid(child, &status, 0);
    atomic_store(&leave, true);
    pthread_join(thread, NULL);
    return status;
}

static void a_child_made_unseen_finds_it_shut_where_somebody_was_inside(void **state)
{
    (void)state;
    alone(forking_by_hand);
}

static int forking_without_threads(void)
{
    int status = 1;
    pid_t child = fork();
    if (child == 0)
        _exit(door_may_open() ? 0 : 1);
    waitpid(child, &status, 0);
    return status;
}

static void a_child_of_a_process_with_one_thread_may_open_libraries(void **state)
{
    (void)state;
#if !defined(__SANITIZE_THREAD__) /* which has a thread of its own */
    alone(forking_without_threads);
#else
    (void)forking_without_threads;
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_open_until_it_is_shut),
        cmocka_unit_test(who_shuts_waits_for_a_while_and_then_nobody_goes_in),
        cmocka_unit_test(a_fork_waits_until_nobody_is_inside),
        cmocka_unit_test(a_fork_waits_for_a_look_up_but_not_for_a_name_server),
        cmocka_unit_test(a_child_made_unseen_finds_it_shut_where_somebody_was_inside),
        cmocka_unit_test(a_child_of_a_process_with_one_thread_may_open_libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
