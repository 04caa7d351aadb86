// SPDX-License-Identifier: Apache-2.0
/* Who may say something, how it ends, and what is left alone in the file's place. */
#include "agent/base/said.h"

#define NOTE SAID_NAME
#include "tests/unit/notes.h"

#include <sys/wait.h>

#include "agent/base/clock.h"

#define RECORD_BYTES 32
#define TIME_AT      24 /* unix_ns in a record */

static long long size(void)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

/* The first record is that much older. */
static void age(int64_t ns)
{
    uint64_t time = clock_unix_ns() - (uint64_t)ns;
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, &time, sizeof time, TIME_AT), sizeof time);
    close(fd);
}

static void test_the_first_speaks(void **state)
{
    (void)state;
    assert_true(said_claim(0, "one"));
    assert_false(said_claim(0, "one"));
    assert_true(said_claim(0, "two"));
    assert_true(said_claim(7, "one")); /* another reader */
    assert_int_equal(size(), 3 * RECORD_BYTES);
}

static void test_what_is_over_may_be_said_again(void **state)
{
    (void)state;
    assert_true(said_claim(0, "one"));
    assert_true(said_over(0, "one"));
    assert_false(said_over(0, "one"));
    assert_true(said_claim(0, "one"));
    assert_false(said_claim(0, "one"));
    errno = 77;
}

static void test_of_many_at_once_one_speaks(void **state)
{
    enum { CHILDREN = 24 };
    int go[2], status, spoke = 0;
    (void)state;
    said_know_tree();
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < CHILDREN; i++)
        if (fork() == 0) {
            char byte;
            close(go[1]);
            (void)!read(go[0], &byte, 1); /* until all are there */
            _exit(said_claim(0, "at once"));
        }
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < CHILDREN; i++) {
        assert_true(wait(&status) > 0);
        spoke += WEXITSTATUS(status);
    }
    assert_int_equal(spoke, 1);
    errno = 77;
}

static void test_a_day_ends_it(void **state)
{
    (void)state;
    assert_true(said_claim(0, "one"));
    age((int64_t)SAID_LASTS_NS - INT64_C(60000000000));
    assert_false(said_claim(0, "one"));
    age((int64_t)SAID_LASTS_NS + INT64_C(1000000000));
    assert_true(said_over(0, "one")); /* nobody knows any more */
    assert_true(said_claim(0, "one"));
    assert_int_equal(size(), RECORD_BYTES);
    age(INT64_C(-60000000000)); /* the clock was set back */
    assert_true(said_claim(0, "one"));
    errno = 77;
}

static void test_it_has_an_end(void **state)
{
    char topic[20];
    (void)state;
    for (int i = 0; i < SAID_BYTES_MOST / RECORD_BYTES + 5; i++) {
        snprintf(topic, sizeof topic, "%d", i);
        assert_true(said_claim(0, topic));
        assert_true(size() <= SAID_BYTES_MOST);
    }
    assert_int_equal(size(), 5 * RECORD_BYTES);
}

static void test_a_piece_of_a_record_is_not_kept(void **state)
{
    (void)state;
    assert_true(said_claim(0, "one"));
    assert_int_equal(truncate(path, RECORD_BYTES + 5), 0);
    assert_true(said_claim(0, "two"));
    assert_int_equal(size(), RECORD_BYTES);
}

static void test_what_is_not_ours_is_left_alone(void **state)
{
    static const char text[] = "0123456789012345678901234567890123456789";
    (void)state;
    mkdir(own, 0700);
    write_text(path, text);
    assert_true(said_claim(0, "one"));
    assert_true(said_claim(0, "one"));
    expect_text(path, text);
    errno = 77;
}

static void test_without_a_directory_each_speaks(void **state)
{
    (void)state;
    note_init("");
    assert_true(said_claim(0, "one"));
    assert_true(said_claim(0, "one"));
    assert_true(said_over(0, "one"));
    note_init("/nonexistent");
    assert_true(said_claim(0, "one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_speaks),
        TEST(test_what_is_over_may_be_said_again),
        TEST(test_of_many_at_once_one_speaks),
        TEST(test_a_day_ends_it),
        TEST(test_it_has_an_end),
        TEST(test_a_piece_of_a_record_is_not_kept),
        TEST(test_what_is_not_ours_is_left_alone),
        TEST(test_without_a_directory_each_speaks),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
