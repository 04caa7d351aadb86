// SPDX-License-Identifier: Apache-2.0
/* What processes that ended without a word leave in the directory, and who takes it. */
#include "tests/unit/queue/left.h"

static void each_span_is_found_once(void **state)
{
    (void)state;
    let_one_end();
    take_all("process_ended");
}

static void an_heir_that_stops_half_way_has_heirs(void **state)
{
    (void)state;
    struct recovery dead;
    let_one_end();
    assert_true(recovery_begin(&dead));
    expect_record(&dead, 1);
    expect_record(&dead, 2);
    ring_release(dead.ring); /* these were sent */
    expect_record(&dead, 3);
    recovery_end(&dead, false);
    assert_true(exists(left));

    assert_true(recovery_begin(&dead));
    expect_the_rest(&dead, 3, "process_ended");
    recovery_end(&dead, true);
    nobody_takes_it();
}

/* Where it has no time to see that there is nothing more. */
static void what_was_passed_on_is_not_found_again(void **state)
{
    (void)state;
    struct recovery dead;
    let_one_end();
    assert_true(recovery_begin(&dead));
    expect_the_rest(&dead, 1, "process_ended");
    recovery_settle(&dead);
    recovery_end(&dead, false);
    assert_true(exists(left));

    assert_true(recovery_begin(&dead));
    assert_int_equal(ring_peek(dead.ring, record, sizeof memory), 0);
    assert_int_equal(recovery_next_open(&dead, record), 0);
    recovery_end(&dead, true);
    nobody_takes_it();
}

static void what_an_heir_notes_is_found_by_the_next(void **state)
{
    (void)state;
    struct recovery dead;
    let_one_end();
    assert_true(recovery_begin(&dead));
    for (unsigned i = 1; i <= FINISHED; i++)
        expect_record(&dead, i);
    assert_true(recovery_next_open(&dead, record) > 0);
    assert_int_equal(recovery_next_open(&dead, record), 0);
    recovery_note(&dead, 6);
    recovery_end(&dead, false);

    assert_true(recovery_begin(&dead));
    for (unsigned i = 1; i <= FINISHED; i++) {
        assert_int_equal(ring_noted(dead.ring), 6);
        expect_record(&dead, i);
    }
    assert_int_equal(ring_noted(dead.ring), 0);
    ring_release(dead.ring);
    recovery_settle(&dead); /* those in flight were not given out yet */
    assert_int_equal(recovery_noted(&dead), 6);
    assert_true(recovery_next_open(&dead, record) > 0);
    assert_int_equal(recovery_noted(&dead), 0);
    recovery_settle(&dead);
    recovery_end(&dead, false);

    assert_true(recovery_begin(&dead));
    assert_int_equal(recovery_noted(&dead), 0);
    recovery_end(&dead, true);
}

static void one_heir_at_a_time(void **state)
{
    (void)state;
    let_one_end();
    int fd = open(left, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    nobody_takes_it();
    assert_true(recovery_is_held());
    close(fd);
    take_all("process_ended");
    assert_false(recovery_is_held());
}

static void a_parent_knows_the_signal(void **state)
{
    (void)state;
    pid_t child = start(KEY, wait_for_signal);
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    recovery_note_signal((uint32_t)child, SIGTERM);
    take_all("SIGTERM");
}

static void a_signal_that_does_not_exist_is_not_believed(void **state)
{
    (void)state;
    pid_t child = start(KEY, end_at_once);
    waitpid(child, NULL, 0);
    recovery_note_signal((uint32_t)child, UINT32_MAX);
    take_all("process_ended");
}

static void who_lives_keeps_his_spans(void **state)
{
    (void)state;
    pid_t child = start(KEY, wait_for_signal);
    nobody_takes_it();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    take_all("process_ended");
}

/* Its parent is about to be told which signal it was. */
static void a_zombie_is_left_to_its_parent_for_a_while(void **state)
{
    (void)state;
    siginfo_t ended;
    pid_t child = start(KEY, end_at_once);
    assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
    nobody_takes_it();

    be_silent_for(20);
    take_all("process_ended");
    waitpid(child, NULL, 0);
}

/* ---- what is left alone ---- */

static void other_services_files_are_left_alone(void **state)
{
    (void)state;
    waitpid(start(KEY + 1, end_at_once), NULL, 0);
    nobody_takes_it();
    recovery_init(directory, KEY + 1);
    take_all("process_ended");
}

static void files_that_others_may_write_are_left_alone(void **state)
{
    (void)state;
    static const mode_t modes[] = {0660, 0606, 0644, 0700 | 07};
    let_one_end();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(left, modes[i]), 0);
        nobody_takes_it();
    }
    assert_int_equal(chmod(left, 0600), 0);
    take_all("process_ended");
}

static void another_users_file_is_left_alone(void **state)
{
    (void)state;
    let_one_end();
    if (geteuid() == 0) {
        assert_int_equal(chown(left, 65534, (gid_t)-1), 0);
        nobody_takes_it();
        assert_true(exists(left));
        assert_int_equal(chown(left, 0, (gid_t)-1), 0);
    }
    take_all("process_ended");
}

static void links_are_left_alone(void **state)
{
    (void)state;
    char elsewhere[REGION_PATH_BYTES];
    let_one_end();
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", directory);
    assert_int_equal(link(left, elsewhere), 0);
    nobody_takes_it();
    assert_int_equal(unlink(left), 0);
    assert_int_equal(symlink(elsewhere, left), 0);
    nobody_takes_it();
    assert_true(exists(left) && exists(elsewhere));
    assert_int_equal(rename(elsewhere, left), 0);
    take_all("process_ended");
}

static void what_is_no_region_is_left_alone(void **state)
{
    (void)state;
    char bytes[4096];
    let_one_end();
    assert_int_equal(unlink(left), 0);
    assert_int_equal(mkfifo(left, 0600), 0);
    nobody_takes_it();
    assert_int_equal(unlink(left), 0);
    assert_int_equal(mkdir(left, 0700), 0);
    nobody_takes_it();
    assert_int_equal(rmdir(left), 0);
    int fd = open(left, O_RDWR | O_CREAT, 0600);
    nobody_takes_it(); /* empty */
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    nobody_takes_it();
    assert_true(exists(left));
    close(fd);
    assert_int_equal(unlink(left), 0);
}

/* Zeros are what an ended process made void; in another pid namespace, a file that begins. */
static void zeros_go_where_their_process_has_ended(void **state)
{
    (void)state;
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        let_one_end();
        if (elsewhere)
            rename_left(process_namespace() + 1, 1, 1);
        assert_int_equal(truncate(left, 0), 0);
        assert_int_equal(truncate(left, 1 << 20), 0);
        nobody_takes_it();
        assert_int_equal(exists(left), elsewhere);
    }
    assert_int_equal(unlink(left), 0);
}

/* Ids mean nothing in another pid namespace: who says nothing for a minute has ended. */
static void in_another_namespace_silence_tells(void **state)
{
    (void)state;
    let_one_end();
    rename_left(0xabc, 1, 1);
    nobody_takes_it();
    be_silent_for(170); /* it may rest, and be late */
    nobody_takes_it();
    be_silent_for(11);
    take_all("process_ended");
}

static void without_a_directory_there_is_nothing(void **state)
{
    (void)state;
    static const char *const nowhere[] = {NULL, "", "/nonexistent", "/dev/null"};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        recovery_init(nowhere[i], KEY);
        nobody_takes_it();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_span_is_found_once),
        TEST(an_heir_that_stops_half_way_has_heirs),
        TEST(what_was_passed_on_is_not_found_again),
        TEST(what_an_heir_notes_is_found_by_the_next),
        TEST(one_heir_at_a_time),
        TEST(a_parent_knows_the_signal),
        TEST(a_signal_that_does_not_exist_is_not_believed),
        TEST(who_lives_keeps_his_spans),
        TEST(a_zombie_is_left_to_its_parent_for_a_while),
        TEST(other_services_files_are_left_alone),
        TEST(files_that_others_may_write_are_left_alone),
        TEST(another_users_file_is_left_alone),
        TEST(links_are_left_alone),
        TEST(what_is_no_region_is_left_alone),
        TEST(zeros_go_where_their_process_has_ended),
        TEST(in_another_namespace_silence_tells),
        TEST(without_a_directory_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
