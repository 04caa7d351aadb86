// SPDX-License-Identifier: Apache-2.0
/* The note of a wait in vain: who finds it, for how long, and what is left alone in its place. */
#include "exporter/late.h"

#define NOTE LATE_NAME
#include "tests/unit/notes.h"

#define SECOND INT64_C(1000000000)

/* As if the clock had gone on since. */
static void age(int64_t ns)
{
    uint64_t words[2];
    int fd = open(path, O_RDWR);
    assert_int_equal(read(fd, words, sizeof words), sizeof words);
    words[1] -= (uint64_t)ns;
    assert_int_equal(pwrite(fd, words, sizeof words, 0), sizeof words);
    close(fd);
}

static void a_note_is_found_for_half_a_minute(void **state)
{
    (void)state;
    assert_false(late_is_noted());
    late_note();
    assert_true(late_is_noted());
    age(29 * SECOND);
    assert_true(late_is_noted());
    age(2 * SECOND);
    assert_false(late_is_noted());
    assert_false(exists(own));
}

static void a_second_one_begins_the_time_anew(void **state)
{
    (void)state;
    late_note();
    age(29 * SECOND);
    late_note();
    age(29 * SECOND);
    assert_true(late_is_noted());
}

static void what_is_still_to_come_is_none(void **state)
{
    (void)state;
    late_note();
    age(-5 * SECOND);
    assert_false(late_is_noted());
    assert_false(exists(own));
}

static void what_is_not_a_note_is_left_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {"x", "0123456789abcdef", "otllate1 and some more"};
    mkdir(own, 0700);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(path, texts[i]);
        late_note();
        assert_false(late_is_noted());
        expect_text(path, texts[i]);
    }
    errno = 77;
}

static void without_a_directory_nothing_is_noted(void **state)
{
    (void)state;
    note_init("/nonexistent");
    late_note();
    assert_false(late_is_noted());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_note_is_found_for_half_a_minute),    TEST(a_second_one_begins_the_time_anew),
        TEST(what_is_still_to_come_is_none),        TEST(what_is_not_a_note_is_left_alone),
        TEST(without_a_directory_nothing_is_noted),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
