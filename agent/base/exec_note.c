// SPDX-License-Identifier: Apache-2.0
#include "agent/base/exec_note.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"

#define USUAL_NS 50000
#define NOTES    1000

/* 1 to NOTES. */
static long note_of(const struct stat *object)
{
    uint64_t mixed = ((uint64_t)object->st_ino ^ ((uint64_t)object->st_dev << 40)) *
                     UINT64_C(0x9e3779b97f4a7c15);
    return (long)(mixed >> 32) % NOTES + 1;
}

/* By number, because libc's prctl() returns an int. */
void exec_note_write(const struct stat *object)
{
    long slack_ns = os.syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
    if (slack_ns >= USUAL_NS && slack_ns <= USUAL_NS + NOTES)
        os.syscall(SYS_prctl, PR_SET_TIMERSLACK, USUAL_NS + note_of(object), 0, 0, 0);
}

void exec_note_take_back(void)
{
    long slack_ns = os.syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
    if (slack_ns > USUAL_NS && slack_ns <= USUAL_NS + NOTES)
        os.syscall(SYS_prctl, PR_SET_TIMERSLACK, USUAL_NS, 0, 0, 0);
}

/* Out of a file, because a program may be confined to system calls that all programs make when they
 * start. Of the main thread, where the constructor runs. */
bool exec_note_tells(const struct stat *object)
{
    char text[24];
    long fd = os.syscall(SYS_openat, AT_FDCWD, "/proc/self/timerslack_ns", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    long length = os.syscall(SYS_read, fd, text, sizeof text - 1);
    os.syscall(SYS_close, fd);
    text[length > 0 ? length : 0] = '\0';
    return strtol(text, NULL, 10) == USUAL_NS + note_of(object);
}
