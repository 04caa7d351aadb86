// SPDX-License-Identifier: Apache-2.0
/* notes.h - a state directory for the tests of one note, which NOTE names. */
#ifndef TESTS_UNIT_NOTES_H
#define TESTS_UNIT_NOTES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/own_directory.h"

static char directory[] = "/tmp/notes_test.XXXXXX";
static char own[100];
static char path[120];

static inline int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(own, sizeof own, "%s/" OWN_DIRECTORY_PREFIX "%u", directory, (unsigned)geteuid());
    snprintf(path, sizeof path, "%s/" NOTE, own);
    return 0;
}

static inline int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory); /* fails where a test left a file behind */
}

static inline int begin(void **state)
{
    (void)state;
    note_init(directory);
    errno = 77;
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    assert_int_equal(errno, 77);
    unlink(path);
    rmdir(own);
    return 0;
}

static inline bool exists(const char *name)
{
    struct stat status;
    int saved = errno;
    bool found = lstat(name, &status) == 0;
    errno = saved;
    return found;
}

static inline void write_text(const char *where, const char *text)
{
    int fd = open(where, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static inline void expect_text(const char *where, const char *text)
{
    char found[100] = "";
    int fd = open(where, O_RDONLY);
    assert_int_equal(read(fd, found, sizeof found - 1), strlen(text));
    assert_string_equal(found, text);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
