// SPDX-License-Identifier: Apache-2.0
/* The note of a wait in vain: who finds it, for how long, and what is left alone in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter/late.h"

#define SECOND INT64_C(1000000000)

static char directory[] = "/tmp/late_test.XXXXXX";
static char path[100];

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/" LATE_PREFIX "%u", directory, (unsigned)geteuid());
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory); /* fails where a test left a file behind */
}

static int begin(void **state)
{
    (void)state;
    late_init(directory);
    errno = 77;
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(errno, 77);
    unlink(path);
    return 0;
}

static bool exists(void)
{
    struct stat status;
    int saved = errno;
    bool found = lstat(path, &status) == 0;
    errno = saved;
    return found;
}

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
    assert_false(exists());
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
    assert_false(exists());
}

static void only_its_user_may_read_it(void **state)
{
    (void)state;
    struct stat status;
    late_note();
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode, S_IFREG | 0600);
    assert_int_equal(status.st_size, 16);
}

static void write_text(const char *where, const char *text)
{
    int fd = open(where, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void is_left_alone(const char *where, const char *text)
{
    char found[100] = "";
    late_note();
    assert_false(late_is_noted());
    int fd = open(where, O_RDONLY);
    assert_int_equal(read(fd, found, sizeof found - 1), strlen(text));
    assert_string_equal(found, text);
    close(fd);
}

static void what_is_not_a_note_is_left_alone(void **state)
{
    (void)state;
    char elsewhere[100];
    static const char *const texts[] = {"x", "0123456789abcdef", "otllate1 and some more"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(path, texts[i]);
        is_left_alone(path, texts[i]);
        unlink(path);
    }
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", directory);
    write_text(elsewhere, "");
    assert_int_equal(symlink(elsewhere, path), 0);
    is_left_alone(elsewhere, "");
    unlink(path);
    assert_int_equal(link(elsewhere, path), 0); /* a file that has another name, too */
    is_left_alone(elsewhere, "");
    unlink(path);
    unlink(elsewhere);
    assert_int_equal(mkfifo(path, 0600), 0);
    late_note();
    assert_false(late_is_noted());
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    late_note();
    assert_false(late_is_noted());
    rmdir(path);
    errno = 77;
}

static void another_users_is_left_alone(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    late_note();
    assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
    assert_false(late_is_noted());
    age(40 * SECOND);
    assert_false(late_is_noted());
    assert_true(exists());
}

static void where_files_may_not_be_so_long_nobody_is_killed_for_it(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit none = {0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    late_note(); /* else SIGXFSZ */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(late_is_noted());
}

static void without_a_directory_nothing_is_noted(void **state)
{
    (void)state;
    char long_one[2000];
    memset(long_one, '/', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    const char *const nowhere[] = {NULL, "", "/nonexistent", "/dev/null", long_one};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        late_init(nowhere[i]);
        late_note();
        assert_false(late_is_noted());
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_note_is_found_for_half_a_minute),
        TEST(a_second_one_begins_the_time_anew),
        TEST(what_is_still_to_come_is_none),
        TEST(only_its_user_may_read_it),
        TEST(what_is_not_a_note_is_left_alone),
        TEST(another_users_is_left_alone),
        TEST(where_files_may_not_be_so_long_nobody_is_killed_for_it),
        TEST(without_a_directory_nothing_is_noted),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
