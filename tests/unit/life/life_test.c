// SPDX-License-Identifier: Apache-2.0
/* Compiled twice: against the kernel's wipe-on-fork page, and (LIFE_BY_HAND) with an advice the
 * kernel refuses, as one before 4.14 does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef LIFE_BY_HAND
#define LIFE_ADVICE 9999
#endif
#include "agent/life/life.c" // NOLINT(bugprone-suspicious-include)

static int begin(void **state)
{
    (void)state;
    life_init();
    return 0;
}

static void expect_exit_0(pid_t child)
{
    int status = -1;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* In a child: told once, and known after the acknowledgement. Else a number that says what. */
static int told_once(void)
{
    if (!life_settling())
        return 1;
    if (!life_forked())
        return 2;
    if (life_forked())
        return 3;
    if (!life_settling())
        return 4;
    life_acknowledge();
    return life_forked() || life_settling() ? 5 : 0;
}

static void the_same_process_was_not_forked(void **state)
{
    (void)state;
    assert_false(life_forked());
    assert_false(life_settling());
}

static void a_forked_child_is_told_once(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(told_once());
    expect_exit_0(child);
    assert_false(life_forked());
}

static void a_grandchild_is_told_too(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        if (!life_forked()) /* and not acknowledged before the next fork */
            _exit(10);
        pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(told_once());
        int status = -1;
        waitpid(grandchild, &status, 0);
        life_acknowledge();
        _exit(WIFEXITED(status) && !life_forked() ? WEXITSTATUS(status) : 11);
    }
    expect_exit_0(child);
}

#ifndef LIFE_BY_HAND
static void a_child_of_a_raw_clone_is_told(void **state)
{
    (void)state;
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(told_once());
    expect_exit_0(child);
}
#endif

static int in_shared_memory(void *unused)
{
    (void)unused;
    return life_forked();
}

static void a_child_in_shared_memory_is_not_told(void **state)
{
    (void)state;
    static unsigned char stack[65536] __attribute__((aligned(16)));
    /* What vfork does, with a stack of its own so that the child may call functions. */
    pid_t child =
        clone(in_shared_memory, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    expect_exit_0(child);
    assert_false(life_forked());
}

enum { THREADS = 8 };
static _Atomic int waiting, winners;

static void *ask(void *unused)
{
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&waiting) < THREADS)
        sched_yield();
    if (life_forked())
        atomic_fetch_add(&winners, 1);
    return unused;
}

static void one_of_several_threads_is_told(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            if (pthread_create(&threads[i], NULL, ask, NULL) != 0)
                _exit(20);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        _exit(atomic_load(&winners) == 1 ? 0 : 21);
    }
    expect_exit_0(child);
}

static void the_way_of_noticing_is_the_one_under_test(void **state)
{
    (void)state;
#ifdef LIFE_BY_HAND
    assert_ptr_equal(life_mark, &unwiped);
#else
    if (life_mark == &unwiped)
        skip(); /* a kernel before 4.14: the other program has tested it */
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_of_noticing_is_the_one_under_test),
        cmocka_unit_test(the_same_process_was_not_forked),
        cmocka_unit_test(a_forked_child_is_told_once),
        cmocka_unit_test(a_grandchild_is_told_too),
#ifndef LIFE_BY_HAND
        cmocka_unit_test(a_child_of_a_raw_clone_is_told),
#endif
        cmocka_unit_test(a_child_in_shared_memory_is_not_told),
        cmocka_unit_test(one_of_several_threads_is_told),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
