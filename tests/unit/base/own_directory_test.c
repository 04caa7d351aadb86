// SPDX-License-Identifier: Apache-2.0
/* The user's own directory and the notes in it: whose they are, and what is left alone. */
#define NOTE "note"
#include "tests/unit/notes.h"

#include <sys/resource.h>
#include <sys/wait.h>

#define STRANGER 65534

static bool can_open(int flags)
{
    int fd = note_open(NOTE, flags, 16);
    if (fd < 0)
        return false;
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    return true;
}

static void is_left_alone(const char *where, const char *text)
{
    assert_false(can_open(O_RDONLY));
    assert_false(can_open(O_RDWR));
    assert_false(can_open(O_RDWR | O_CREAT));
    if (text)
        expect_text(where, text);
}

static void a_note_and_its_directory_are_their_users_alone(void **state)
{
    (void)state;
    struct stat status;
    assert_false(can_open(O_RDONLY));
    assert_false(can_open(O_RDWR));
    assert_false(exists(own));
    assert_true(can_open(O_RDWR | O_CREAT));
    assert_true(can_open(O_RDWR | O_CREAT));
    assert_true(can_open(O_RDONLY));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode, S_IFREG | 0600);
    assert_int_equal(stat(own, &status), 0);
    assert_int_equal(status.st_mode, S_IFDIR | 0700);
    errno = 77;
}

static void the_directory_goes_with_the_last_of_them(void **state)
{
    (void)state;
    char other[120];
    snprintf(other, sizeof other, "%s/other", own);
    assert_true(can_open(O_RDWR | O_CREAT));
    write_text(other, "x");
    note_remove(NOTE);
    assert_false(exists(path));
    assert_true(exists(other));
    unlink(other);
    assert_true(can_open(O_RDWR | O_CREAT));
    note_remove(NOTE);
    assert_false(exists(own));
    errno = 77;
}

static void what_is_no_note_is_left_alone(void **state)
{
    (void)state;
    char elsewhere[120];
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", own);
    mkdir(own, 0700);
    write_text(elsewhere, "mine");
    assert_int_equal(symlink(elsewhere, path), 0);
    is_left_alone(elsewhere, "mine");
    unlink(path);
    assert_int_equal(link(elsewhere, path), 0); /* a file that has another name, too */
    is_left_alone(elsewhere, "mine");
    unlink(path);
    unlink(elsewhere);
    assert_int_equal(mkfifo(path, 0600), 0);
    is_left_alone(path, NULL);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    is_left_alone(path, NULL);
    rmdir(path);
    errno = 77;
}

static void a_directory_that_others_may_write_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(mkdir(own, 0700), 0);
    write_text(path, "mine");
    assert_true(can_open(O_RDWR));
    assert_int_equal(chmod(own, 0770), 0);
    is_left_alone(path, "mine");
    unlink(path);
    rmdir(own);

    char elsewhere[120];
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", directory);
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    assert_int_equal(symlink(elsewhere, own), 0);
    is_left_alone(elsewhere, NULL);
    unlink(own);
    assert_int_equal(rmdir(elsewhere), 0); /* nothing was made in it */
    errno = 77;
}

/* Two that root makes for somebody else; what somebody else may do himself is in a child of his. */
static void a_strangers_is_left_alone(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return; /* nobody else could become somebody else */
    assert_int_equal(mkdir(own, 0700), 0);
    write_text(path, "mine");
    assert_int_equal(chown(path, STRANGER, (gid_t)-1), 0);
    is_left_alone(path, "mine");
    assert_int_equal(chown(path, 0, (gid_t)-1), 0);
    assert_int_equal(chown(own, STRANGER, (gid_t)-1), 0);
    is_left_alone(path, "mine");
    assert_int_equal(chown(own, 0, (gid_t)-1), 0);
    assert_true(can_open(O_RDWR));
    errno = 77;
}

/* Under whatever name: the directory is there while a note is. */
static void a_stranger_can_put_nothing_in_its_place(void **state)
{
    int status = 0;
    (void)state;
    if (geteuid() != 0)
        return; /* nobody else could become somebody else */
    assert_int_equal(chmod(directory, 01777), 0);
    assert_true(can_open(O_RDWR | O_CREAT));
    pid_t child = fork();
    if (child == 0) {
        bool may = setuid(STRANGER) != 0 || unlink(path) == 0 || mkfifo(path, 0666) == 0 ||
                   rmdir(own) == 0 || rename(own, directory) == 0 || mkdir(own, 0777) == 0;
        _exit(may ? 1 : can_open(O_RDWR | O_CREAT) ? 0 : 2); /* he has a directory of his own */
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    char his[120];
    snprintf(his, sizeof his, "%s/" OWN_DIRECTORY_PREFIX "%d/" NOTE, directory, STRANGER);
    assert_int_equal(unlink(his), 0);
    *strrchr(his, '/') = '\0';
    assert_int_equal(rmdir(his), 0);
    assert_true(can_open(O_RDWR));
    errno = 77;
}

static void where_files_may_not_be_so_long_there_is_none_to_write(void **state)
{
    (void)state;
    struct rlimit before;
    assert_true(can_open(O_RDWR | O_CREAT));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit little = {15, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    assert_false(can_open(O_RDWR)); /* else SIGXFSZ */
    assert_true(can_open(O_RDONLY));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    errno = 77;
}

static void without_a_place_there_is_none(void **state)
{
    (void)state;
    char long_one[2000];
    memset(long_one, '/', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    const char *const nowhere[] = {"", "/nonexistent", "/dev/null", long_one,
                                   long_one + 1990 - 500};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        note_init(nowhere[i]);
        assert_false(can_open(O_RDONLY));
        assert_false(can_open(O_RDWR | O_CREAT));
        note_remove(NOTE);
    }
    errno = 77;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_note_and_its_directory_are_their_users_alone),
        TEST(the_directory_goes_with_the_last_of_them),
        TEST(what_is_no_note_is_left_alone),
        TEST(a_directory_that_others_may_write_is_left_alone),
        TEST(a_strangers_is_left_alone),
        TEST(a_stranger_can_put_nothing_in_its_place),
        TEST(where_files_may_not_be_so_long_there_is_none_to_write),
        TEST(without_a_place_there_is_none),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
