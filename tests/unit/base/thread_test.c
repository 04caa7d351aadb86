// SPDX-License-Identifier: Apache-2.0
/* Threads of ours. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>

#include <cmocka.h>

#include "agent/base/signals.h"
#include "agent/base/thread.h"

static struct {
    bool own;
    char name[16];
    uint64_t held;
} seen;

static void look(void)
{
    seen.own = thread_is_own();
    prctl(PR_GET_NAME, seen.name);
    signals_change(SIG_BLOCK, 0, &seen.held);
}

static void a_thread_of_ours_says_so_and_takes_no_signals(void **state)
{
    (void)state;
    pthread_t thread;
    uint64_t before, after;
    assert_true(signals_change(SIG_SETMASK, SIGNAL_BIT(SIGUSR1), &before));
    assert_int_equal(thread_create(&thread, look), 0);
    pthread_join(thread, NULL);
    assert_true(signals_change(SIG_SETMASK, before, &after));

    assert_true(seen.own);
    assert_string_equal(seen.name, "otelagent");
    /* Two can't be held, and musl keeps a third one for itself. */
    uint64_t never = SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(34);
    assert_int_equal(seen.held | never, SIGNALS_ALL);

    /* Who made it is as before. */
    assert_false(thread_is_own());
    assert_int_equal(after, SIGNAL_BIT(SIGUSR1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_of_ours_says_so_and_takes_no_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
