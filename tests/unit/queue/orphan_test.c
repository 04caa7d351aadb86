// SPDX-License-Identifier: Apache-2.0
/* Files whose process runs another program by now, and those that nobody comes for. */
#include "tests/unit/queue/left.h"

/* ---- who became another program ---- */

static void who_execs_finds_what_he_left(void **state)
{
    (void)state;
    struct region region;
    struct region_place place = {directory, KEY, SLICE_LITERAL("resource")};
    assert_true(region_init(&region, 100, &place));
    write_finished(&region, 1);
    strcpy(left, region.path);
    nobody_takes_it();
    rename_left(process_namespace(), (uint32_t)getpid(), 0);
    nobody_takes_it(); /* whose image it was is not known */
    rename_left(process_namespace(), (uint32_t)getpid(), process_image() + 1);
    struct recovery dead;
    assert_true(recovery_begin(&dead));
    expect_record(&dead, 1);
    ring_release(dead.ring);
    recovery_end(&dead, true);
    assert_false(exists(left));
    region_forget(&region);
}

/* In another namespace of processes, or without /proc, each file is looked into. */
static void who_is_sending_does_not_begin_again_because_somebody_looks(void **state)
{
    (void)state;
    struct region region;
    struct region_place place = {directory, KEY, SLICE_LITERAL("resource")};
    assert_true(region_init(&region, 100, &place));
    write_finished(&region, 1);
    strcpy(left, region.path);
    rename_left(process_namespace() + 1, 1, 1);
    assert_true(ring_peek(region.ring, memory, sizeof memory) > 0);
    nobody_takes_it();
    assert_int_equal(ring_peek(region.ring, memory, sizeof memory), 0);
    unlink(left);
    region_forget(&region);
}

static void others_wait_whether_an_exec_fails(void **state)
{
    (void)state;
    pid_t child = start(KEY, wait_for_signal);
    change_left(region_replace, 0);
    assert_non_null(strstr(left, REGION_REPLACED));
    nobody_takes_it();
    be_silent_for(61);
    take_all("connection_aborted");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void a_request_that_is_handed_on_did_not_fail(void **state)
{
    (void)state;
    struct recovery dead;
    let_one_end();
    change_left(region_replace, UINT64_C(1) << (REGION_OPEN - 1));
    assert_true(recovery_begin(&dead));
    while (ring_peek(dead.ring, record, sizeof memory) > 0)
        recovery_saw(&dead, record);
    assert_true(recovery_next_open(&dead, record) > 0);
    assert_int_equal(record->span_id[0], FINISHED + 1);
    assert_int_equal(record->status, SPAN_STATUS_UNSET);
    assert_null(span_find_string(record, ATTRIBUTE_ERROR_TYPE).at);
    ring_release(dead.ring);
    recovery_end(&dead, true);
}

/* ---- what nobody comes for ---- */

#define DAY (24 * 60 * 60)

static bool swept(void)
{
    recovery_sweep();
    return !exists(left);
}

static void spans_of_other_services_wait_for_a_day(void **state)
{
    (void)state;
    waitpid(start(KEY + 1, end_at_once), NULL, 0);
    assert_false(swept());
    be_silent_for(DAY - 60);
    assert_false(swept());
    be_silent_for(120);
    int fd = open(left, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_false(swept()); /* an heir is at it */
    close(fd);
    assert_true(swept());
}

static void spans_of_the_own_service_are_never_swept(void **state)
{
    (void)state;
    let_one_end();
    be_silent_for(2 * DAY);
    assert_false(swept());
    take_all("process_ended");
}

static void a_clock_that_is_set_is_no_silence(void **state)
{
    (void)state;
    waitpid(start(KEY + 1, end_at_once), NULL, 0);
    change_left(set_clock, 2 * DAY);
    assert_false(swept());
    be_silent_for(2 * DAY);
    assert_true(swept());
}

static void who_lives_keeps_what_he_has_for_ever(void **state)
{
    (void)state;
    pid_t child = start(KEY + 1, wait_for_signal);
    be_silent_for(2 * DAY);
    assert_false(swept());
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(swept());
}

static void what_holds_nothing_is_swept_at_once(void **state)
{
    (void)state;
    waitpid(start(KEY + 1, end_at_once), NULL, 0);
    change_left(empty, 0);
    assert_true(swept());
}

static void what_can_not_be_read_is_swept_after_a_day(void **state)
{
    (void)state;
    waitpid(start(KEY, end_at_once), NULL, 0);
    change_left(spoil, 0);
    assert_false(swept());
    nobody_takes_it();
    const struct timespec times[] = {{0, UTIME_OMIT}, {time(NULL) - DAY - 60, 0}};
    assert_int_equal(utimensat(AT_FDCWD, left, times, 0), 0);
    assert_true(swept());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_execs_finds_what_he_left),
        TEST(who_is_sending_does_not_begin_again_because_somebody_looks),
        TEST(others_wait_whether_an_exec_fails),
        TEST(a_request_that_is_handed_on_did_not_fail),
        TEST(spans_of_other_services_wait_for_a_day),
        TEST(spans_of_the_own_service_are_never_swept),
        TEST(a_clock_that_is_set_is_no_silence),
        TEST(who_lives_keeps_what_he_has_for_ever),
        TEST(what_holds_nothing_is_swept_at_once),
        TEST(what_can_not_be_read_is_swept_after_a_day),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
