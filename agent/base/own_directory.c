// SPDX-License-Identifier: Apache-2.0
#include "agent/base/own_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"

#define NOT_OWN "what bears the name of this user's directory there is not this user's alone"

static char state[OWN_DIRECTORY_PATH_BYTES]; /* of the notes. Written before there is a thread */

bool own_directory_path(char path[OWN_DIRECTORY_PATH_BYTES], const char *in)
{
    int length = snprintf(path, OWN_DIRECTORY_PATH_BYTES, "%s/" OWN_DIRECTORY_PREFIX "%u", in,
                          (unsigned)geteuid());
    return in[0] && length > 0 && length < OWN_DIRECTORY_PATH_BYTES;
}

/* By number, like the other calls here: those of libc are where a thread can be cancelled. */
static int open_at(int directory, const char *path, int flags)
{
    return (int)os.syscall(SYS_openat, directory, path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void close_file(int fd)
{
    os.syscall(SYS_close, fd);
}

int own_directory_open(const char *path)
{
    struct stat status;
    int fd = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0 ||
        (fstat(fd, &status) == 0 && status.st_uid == geteuid() && !(status.st_mode & 022)))
        return fd;
    close_file(fd);
    errno = EPERM;
    return -1;
}

const char *own_directory_make(const char *path)
{
    if (mkdir(path, 0700) == 0)
        return NULL;
    if (errno != EEXIST)
        return strerror(errno);
    int fd = own_directory_open(path);
    if (fd < 0)
        return errno == ENOENT ? NULL : NOT_OWN; /* it went with another process's last file */
    close_file(fd);
    return NULL;
}

/* ---- notes ---- */

void note_init(const char *directory)
{
    state[0] = '\0';
    if (strlen(directory) < sizeof state)
        memcpy(state, directory, strlen(directory) + 1);
}

/* A file that may not be as long is a signal, SIGXFSZ, to whoever writes it. */
static bool may_open(int flags, size_t bytes)
{
    struct rlimit limit;
    return (flags & O_ACCMODE) == O_RDONLY ||
           (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= bytes);
}

static int open_in(const char *own, const char *name, int flags)
{
    int directory = own_directory_open(own);
    if (directory < 0)
        return -1;
    int fd = open_at(directory, name, flags | O_NOCTTY | O_NONBLOCK);
    close_file(directory);
    return fd;
}

static bool is_note(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
           status.st_nlink == 1;
}

int note_open(const char *name, int flags, size_t bytes)
{
    char own[OWN_DIRECTORY_PATH_BYTES];
    if (!own_directory_path(own, state) || !may_open(flags, bytes))
        return -1;
    int fd = open_in(own, name, flags);
    if (fd < 0 && errno == ENOENT && flags & O_CREAT && !own_directory_make(own))
        fd = open_in(own, name, flags);
    if (fd < 0 || is_note(fd))
        return fd;
    close_file(fd);
    return -1;
}

/* By its path, which leads nowhere else while the note is there. */
void note_remove(const char *name)
{
    char own[OWN_DIRECTORY_PATH_BYTES], path[OWN_DIRECTORY_PATH_BYTES + 32];
    if (!own_directory_path(own, state))
        return;
    snprintf(path, sizeof path, "%s/%s", own, name);
    unlink(path);
    rmdir(own); /* fails while there are others in it */
}
