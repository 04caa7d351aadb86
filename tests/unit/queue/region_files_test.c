// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/queue/regions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/queue/recovery.h"
#include "agent/queue/region_files.h"

/* A child that has ended has left so many. */
static void leave_files(unsigned count)
{
    pid_t child = fork();
    for (unsigned i = 0; child == 0 && i < count; i++) {
        struct region region;
        make_file_region(&region);
        region_forget(&region);
    }
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
}

static bool remove_one(const struct region_name *name, const char *path, void *unused)
{
    (void)name;
    (void)unused;
    return !region_file_remove(path);
}

static bool count_one(const struct region_name *name, const char *path, void *count)
{
    (void)name;
    (void)path;
    ++*(unsigned *)count;
    return false;
}

static unsigned files(void)
{
    unsigned count = 0;
    region_files_visit(directory, count_one, &count);
    return count;
}

static void there_is_an_end_to_the_files_that_are_left(void **state)
{
    (void)state;
    size_t large = (size_t)1 << 44; /* no file system has room for many of those */
    struct region region;
    assert_int_equal(files(), 0);
    make_file_region(&region); /* this process lives: its file is none of those */
    leave_files(REGION_FILES_LEAST - 1);
    assert_int_equal(files(), REGION_FILES_LEAST);
    assert_true(region_files_room(directory, large));
    leave_files(1);
    assert_false(region_files_room(directory, large));
    assert_true(region_files_room(directory, REGION_BYTES_LEAST / (2 * REGION_FILES_LEAST)));
    region_unlink(&region);
    region_forget(&region);
    assert_false(region_files_visit(directory, remove_one, NULL));
    assert_true(region_files_room(directory, large));
}

static bool is_there(const struct region_name *name, const char *path, void *unused)
{
    (void)name;
    (void)path;
    (void)unused;
    return true;
}

static void own_path(char path[REGION_PATH_BYTES])
{
    snprintf(path, REGION_PATH_BYTES, "%s/" REGION_PREFIX "%u", directory, (unsigned)geteuid());
}

static void only_files_in_the_users_own_directory_are_looked_at(void **state)
{
    (void)state;
    char own[REGION_PATH_BYTES];
    own_path(own);
    leave_files(3);
    assert_int_equal(files(), 3);
    if (geteuid() == 0) {
        assert_int_equal(chown(own, 65534, (gid_t)-1), 0);
        assert_int_equal(files(), 0);
        assert_int_equal(chown(own, 0, (gid_t)-1), 0);
    }
    assert_int_equal(chmod(own, 0770), 0);
    assert_int_equal(files(), 0);
    assert_int_equal(chmod(own, 0700), 0);
    assert_false(region_files_visit(directory, remove_one, NULL));
    assert_false(exists(own));
}

/* It would lead the files to where the stranger wants them, or show him their names. */
static void what_a_stranger_put_in_the_directorys_place_is_not_used(void **state)
{
    (void)state;
    struct region region;
    struct region_place place = in_directory(directory);
    char own[REGION_PATH_BYTES];
    own_path(own);
    assert_int_equal(symlink("/tmp", own), 0);
    assert_true(region_init(&region, 10, &place));
    assert_int_equal(region.path[0], '\0');
    region_forget(&region);
    assert_int_equal(unlink(own), 0);

    if (geteuid() != 0)
        return;
    assert_int_equal(mkdir(own, 0777), 0);
    assert_int_equal(chown(own, 65534, (gid_t)-1), 0);
    assert_true(region_init(&region, 10, &place));
    assert_int_equal(region.path[0], '\0');
    region_forget(&region);
    assert_int_equal(rmdir(own), 0);
}

/* In turn with others that make and remove their own, which may have been the last. */
static void the_directory_may_go_between_two_steps(void **state)
{
    (void)state;
    pid_t children[2];
    for (int child = 0; child < 2; child++) {
        children[child] = fork();
        for (int i = 0; children[child] == 0 && i < 2000; i++) {
            struct region region;
            struct region_place place = in_directory(directory);
            if (!region_init(&region, 10, &place) || !region.path[0])
                _exit(1);
            region_unlink(&region);
            region_forget(&region);
        }
        if (children[child] == 0)
            _exit(0);
    }
    for (int child = 0; child < 2; child++) {
        int status = -1;
        waitpid(children[child], &status, 0);
        assert_int_equal(status, 0);
    }
}

/* As root it makes a file that it may not remove as somebody else: the next one does. */
static void who_may_not_remove_a_file_makes_it_void(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return; /* nobody else could become somebody else */
    assert_int_equal(chmod(directory, 01777), 0);
    pid_t child = fork();
    if (child == 0) {
        struct region region;
        make_file_region(&region);
        char path[REGION_PATH_BYTES];
        strcpy(path, region.path);
        bool left = setuid(65534) == 0 && access(path, R_OK) != 0;
        region_leave(&region);
        _exit(left && ring_write(region.ring, taken, 8) ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_true(region_files_visit(directory, is_there, NULL));
    recovery_init(directory, 1);
    recovery_sweep();
    assert_false(region_files_visit(directory, is_there, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_an_end_to_the_files_that_are_left),
        cmocka_unit_test(only_files_in_the_users_own_directory_are_looked_at),
        cmocka_unit_test(what_a_stranger_put_in_the_directorys_place_is_not_used),
        cmocka_unit_test(the_directory_may_go_between_two_steps),
        cmocka_unit_test(who_may_not_remove_a_file_makes_it_void),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
