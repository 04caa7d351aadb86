// SPDX-License-Identifier: Apache-2.0
#include "agent/exec_note.h"

#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define USUAL_NS 50000
#define NOTES    1000

/* 1 to NOTES. */
static long note_of(const struct stat *object)
{
    uint64_t mixed = ((uint64_t)object->st_ino ^ ((uint64_t)object->st_dev << 40)) *
                     UINT64_C(0x9e3779b97f4a7c15);
    return (long)(mixed >> 32) % NOTES + 1;
}

/* System calls by number, because libc's prctl() is our own hook. */
void exec_note_write(const struct stat *object)
{
    long slack_ns = syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
    if (slack_ns >= USUAL_NS && slack_ns <= USUAL_NS + NOTES)
        syscall(SYS_prctl, PR_SET_TIMERSLACK, USUAL_NS + note_of(object), 0, 0, 0);
}

bool exec_note_tells(const struct stat *object)
{
    return syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0) == USUAL_NS + note_of(object);
}
