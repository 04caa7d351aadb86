// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/process.h"
#include "agent/queue/family.h"

static char directory[64];
static struct region own; /* only its path counts here */

static void make_region(struct region *region)
{
    *region = (struct region){0};
    snprintf(region->path, sizeof region->path, "%s/%ld", directory, (long)getpid());
    FILE *file = fopen(region->path, "w");
    if (!file || fclose(file) != 0)
        abort();
}

static int begin(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/otelagent-family-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    make_region(&own);
    family_found();
    return 0;
}

static int end(void **state)
{
    (void)state;
    family_resign(0);
    return unlink(own.path) != 0 || rmdir(directory) != 0;
}

/* What a child finds, 0 or 1. */
static int ask_child(bool (*ask)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(ask());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool is_relieved(void)
{
    struct region region;
    make_region(&region);
    bool relieved = family_inherits(&region);
    unlink(region.path);
    return relieved;
}

static bool has_a_child_that_is_relieved(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(is_relieved());
    return waitpid(child, &status, 0) != child || WEXITSTATUS(status);
}

static void a_child_leaves_to_its_parent(void **state)
{
    (void)state;
    assert_int_equal(ask_child(is_relieved), 0);
    assert_true(family_become_heir(&own));
    assert_int_equal(ask_child(is_relieved), 1);
    assert_int_equal(ask_child(has_a_child_that_is_relieved), 0);
    assert_false(family_inherits(&own)); /* nor to itself */
    family_resign(0);
    assert_int_equal(ask_child(is_relieved), 0);
}

/* Workers end together. */
static void nobody_leaves_to_a_sibling(void **state)
{
    (void)state;
    int up[2];
    int down[2];
    char byte = 0;
    assert_int_equal(pipe(up) | pipe(down), 0);
    pid_t heir = fork();
    if (heir == 0) {
        struct region region;
        make_region(&region);
        bool good = family_become_heir(&region) && write(up[1], "x", 1) == 1 &&
                    read(down[0], &byte, 1) == 1;
        unlink(region.path);
        _exit(good);
    }
    assert_int_equal(read(up[0], &byte, 1), 1);
    assert_false(family_lacks_heir());
    assert_int_equal(ask_child(is_relieved), 0);
    assert_false(family_inherits(&own));
    assert_int_equal(write(down[1], "x", 1), 1);
    int status = 0;
    assert_int_equal(waitpid(heir, &status, 0), heir);
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_true(family_lacks_heir()); /* it has ended */
    for (int i = 0; i < 2; i++)
        close(up[i]), close(down[i]);
}

static bool say_left(void)
{
    family_say_left();
    return family_calls();
}

static void the_heir_hears_of_it_also_when_it_has_resigned(void **state)
{
    (void)state;
    assert_int_equal(ask_child(say_left), 0);
    assert_true(family_has_left());
    assert_true(family_become_heir(&own));
    assert_true(family_calls());
    assert_false(family_calls()); /* once */
    assert_int_equal(ask_child(say_left), 0);
    family_resign(0);
    assert_true(family_calls());
}

/* ---- children that leave, and take their time to end ---- */

struct leaver {
    pid_t pid;
    bool relieved;
    int go; /* it ends when something is written there */
};

static struct leaver begin_leaving(bool something)
{
    struct leaver leaver;
    int begun[2];
    int over[2];
    char byte;
    assert_int_equal(pipe(begun) | pipe(over), 0);
    leaver.pid = fork();
    if (leaver.pid == 0) {
        struct region region;
        make_region(&region);
        family_leave(&region);
        bool relieved = family_inherits(&region);
        family_has_gone(something);
        if (write(begun[1], relieved ? "r" : "-", 1) != 1)
            abort();
        if (read(over[0], &byte, 1) != 1)
            abort();
        unlink(region.path);
        _exit(0);
    }
    close(begun[1]);
    close(over[0]);
    assert_int_equal(read(begun[0], &byte, 1), 1);
    close(begun[0]);
    leaver.relieved = byte == 'r';
    leaver.go = over[1];
    return leaver;
}

static void end_leaving(const struct leaver *leaver)
{
    assert_int_equal(write(leaver->go, "x", 1), 1);
    close(leaver->go);
    assert_int_equal(waitpid(leaver->pid, NULL, 0), leaver->pid);
}

static void the_heir_is_called_when_who_left_has_ended(void **state)
{
    (void)state;
    assert_true(family_become_heir(&own));
    struct leaver leaver = begin_leaving(true);
    assert_false(family_calls());
    assert_false(family_calls());
    end_leaving(&leaver);
    assert_true(family_calls());
    assert_false(family_calls());
}

static void nobody_is_called_for_nothing(void **state)
{
    (void)state;
    assert_true(family_become_heir(&own));
    struct leaver leaver = begin_leaving(false);
    end_leaving(&leaver);
    assert_false(family_calls());
}

static void who_finds_no_room_is_not_relieved(void **state)
{
    (void)state;
    struct leaver leavers[FAMILY_LEAVING + 1];
    assert_true(family_become_heir(&own));
    for (int i = 0; i < FAMILY_LEAVING; i++)
        leavers[i] = begin_leaving(true);
    assert_true(leavers[0].relieved && leavers[FAMILY_LEAVING - 1].relieved);
    assert_false(family_calls());
    leavers[FAMILY_LEAVING] = begin_leaving(true);
    assert_false(leavers[FAMILY_LEAVING].relieved);
    assert_true(family_calls());
    assert_false(family_calls());
    for (int i = 0; i <= FAMILY_LEAVING; i++)
        end_leaving(&leavers[i]);
    assert_true(family_calls());
    assert_false(family_has_left());
}

static void who_resigns_waits_for_those_who_leave(void **state)
{
    (void)state;
    assert_true(family_become_heir(&own));
    struct leaver leaver = begin_leaving(true);
    family_resign(20000000); /* in vain */
    assert_false(family_calls());
    assert_true(family_become_heir(&own));
    pid_t opener = fork();
    if (opener == 0) {
        usleep(50000);
        _exit(write(leaver.go, "x", 1) != 1);
    }
    close(leaver.go);
    family_resign(UINT64_MAX);
    siginfo_t ended = {0};
    assert_int_equal(waitid(P_PID, (id_t)leaver.pid, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
    assert_int_equal(ended.si_pid, leaver.pid);
    assert_int_equal(waitpid(leaver.pid, NULL, 0), leaver.pid);
    assert_int_equal(waitpid(opener, NULL, 0), opener);
    assert_true(family_calls());
}

static void who_forks_between_two_accepts_has_children_that_answer(void **state)
{
    (void)state;
    atomic_store(&family->records, false);
    assert_false(family_forks_to_answer(3)); /* the first one tells nothing */
    assert_false(family_forks_to_answer(4)); /* nobody has a span */
    family_say_records();
    assert_false(family_forks_to_answer(4));
    assert_true(family_forks_to_answer(5));
    assert_false(family_forks_to_answer(5));
    process_own_memory(); /* as a forked child does: */
    process_owner++;      /* it is another one */
    assert_false(family_forks_to_answer(6));
    assert_true(family_forks_to_answer(7));
    process_own_memory();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_child_leaves_to_its_parent, begin, end),
        cmocka_unit_test_setup_teardown(nobody_leaves_to_a_sibling, begin, end),
        cmocka_unit_test_setup_teardown(the_heir_hears_of_it_also_when_it_has_resigned, begin, end),
        cmocka_unit_test_setup_teardown(the_heir_is_called_when_who_left_has_ended, begin, end),
        cmocka_unit_test_setup_teardown(nobody_is_called_for_nothing, begin, end),
        cmocka_unit_test_setup_teardown(who_finds_no_room_is_not_relieved, begin, end),
        cmocka_unit_test_setup_teardown(who_resigns_waits_for_those_who_leave, begin, end),
        cmocka_unit_test_setup_teardown(who_forks_between_two_accepts_has_children_that_answer,
                                        begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
