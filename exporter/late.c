// SPDX-License-Identifier: Apache-2.0
#include "exporter/late.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/os.h"
#include "agent/base/own_directory.h"

#define MAGIC UINT64_C(0x316574616c6c746f) /* "otllate1" */

struct note {
    uint64_t magic;
    uint64_t unix_ns; /* when it was written */
};

/* Empty is one that could not be written. */
static bool read_note(int fd, struct note *note)
{
    struct note found[2] = {0}; /* room for more, to see that there is none */
    ssize_t length = pread(fd, found, sizeof found, 0);
    *note = found[0];
    return length == 0 || (length == sizeof *note && note->magic == MAGIC);
}

void late_note(void)
{
    int saved = errno;
    struct note note;
    int fd = note_open(LATE_NAME, O_RDWR | O_CREAT, sizeof note);
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
    struct note note;
    int fd = note_open(LATE_NAME, O_RDONLY, 0);
    bool noted = fd >= 0 && read_note(fd, &note);
    if (fd >= 0)
        os.close(fd);
    if (noted && clock_unix_ns() - note.unix_ns > LATE_LASTS_NS) {
        note_remove(LATE_NAME);
        noted = false;
    }
    errno = saved;
    return noted;
}
