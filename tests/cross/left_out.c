// SPDX-License-Identifier: Apache-2.0
/* left_out.c - what qemu can't run of the unit tests, each with the reason.
 *
 * It is linked into the unit tests of the aarch64 preset (ld's --wrap), so that the tests know
 * nothing of it. On the processor itself they all run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#define CASES_MOST 128

static const struct {
    const char *program;
    const char *name;
    const char *reason;
} left_out[] = {
    {"life_test", "a_child_of_a_raw_clone_is_told", "qemu wipes no page on fork"},
    {"exporter_exporter_test", "the_thread_takes_no_signals", "/proc shows qemu's own mask"},
    {"exporter_exporter_test", "a_forked_worker_is_an_instance_of_its_own",
     "qemu aborts where a forked child starts a thread"},
    {"lodging_test", "an_heir_reports_what_lodgers_left",
     "it stood still once, in a child of a child, which qemu alone has shown"},
    {"orphan_test", "others_wait_whether_an_exec_fails",
     "/proc/self/stat is qemu's, /proc/PID/stat the kernel's"},
    {"thread_test", "a_thread_of_ours_says_so_and_takes_no_signals",
     "qemu keeps signals for itself"},
    {"sending_test", "what_was_taken_whole_was_sent", "qemu takes TCP_INFO for a number"},
    {"sending_test", "so_was_what_the_other_end_has_acknowledged", "likewise"},
    {"sending_test", "a_file_s_bytes_are_counted", "likewise"},
    {"sending_test", "what_was_not_taken_whole_was_not", "likewise"},
};

int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);
int __real__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);

/* Takes it from the cases. A row without a case is a mistake. */
static bool leave_out(struct CMUnitTest *cases, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(cases[i].name, name) == 0) {
            *count -= 1;
            memmove(&cases[i], &cases[i + 1], (*count - i) * sizeof *cases);
            return true;
        }
    return false;
}

int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown)
{
    struct CMUnitTest cases[CASES_MOST];
    if (count > CASES_MOST) {
        puts("left_out: more cases than CASES_MOST");
        return 1;
    }
    memcpy(cases, tests, count * sizeof *cases);
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
        if (strcmp(program_invocation_short_name, left_out[i].program) != 0)
            continue;
        if (!leave_out(cases, &count, left_out[i].name)) {
            printf("left_out: there is no %s\n", left_out[i].name);
            return 1;
        }
        printf("left out: %s: %s\n", left_out[i].name, left_out[i].reason);
    }
    return __real__cmocka_run_group_tests(group, cases, count, setup, teardown);
}
