// SPDX-License-Identifier: Apache-2.0
#include "exporter/late.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/os.h"

#define MAGIC      UINT64_C(0x316574616c6c746f) /* "otllate1" */
#define PATH_BYTES 512

struct note {
    uint64_t magic;
    uint64_t unix_ns; /* when it was written */
};

static char state[PATH_BYTES]; /* the directory; empty: none. Written before there is a thread */

void late_init(const char *directory)
{
    state[0] = '\0';
    if (directory && strlen(directory) < sizeof state)
        memcpy(state, directory, strlen(directory) + 1);
}

/* Each time, because a server may become another user after it was started. */
static bool find_path(char path[PATH_BYTES])
{
    int length = snprintf(path, PATH_BYTES, "%s/" LATE_PREFIX "%u", state, (unsigned)geteuid());
    return state[0] && length > 0 && length < PATH_BYTES;
}

/* A file of this user's that is a note, or empty: a note that could not be written. */
static bool read_note(int fd, struct note *note)
{
    struct stat status;
    *note = (struct note){0};
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        status.st_nlink != 1)
        return false;
    return status.st_size == 0 ||
           (status.st_size == sizeof *note && pread(fd, note, sizeof *note, 0) == sizeof *note &&
            note->magic == MAGIC);
}

static int open_note(const char *path, int flags)
{
    return open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
}

/* A file that may not be as long is a signal, SIGXFSZ, to whoever writes it. */
static bool may_write(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= sizeof(struct note);
}

void late_note(void)
{
    int saved = errno;
    char path[PATH_BYTES];
    struct note note;
    int fd = find_path(path) && may_write() ? open_note(path, O_RDWR | O_CREAT) : -1;
    if (fd >= 0 && read_note(fd, &note)) {
        note = (struct note){MAGIC, clock_unix_ns()};
        (void)!os.write(fd, &note, sizeof note); /* over the one before, of the same length */
    }
    if (fd >= 0)
        os.close(fd);
    errno = saved;
}

/* A time that is still to come is from before the clock was set: as good as none. */
bool late_is_noted(void)
{
    int saved = errno;
    char path[PATH_BYTES];
    struct note note;
    int fd = find_path(path) ? open_note(path, O_RDONLY) : -1;
    bool noted = fd >= 0 && read_note(fd, &note);
    if (fd >= 0)
        os.close(fd);
    if (noted && clock_unix_ns() - note.unix_ns > LATE_LASTS_NS) {
        unlink(path);
        noted = false;
    }
    errno = saved;
    return noted;
}
