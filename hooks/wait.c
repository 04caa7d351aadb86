// SPDX-License-Identifier: Apache-2.0
/* wait.c - how children ended: real, then observe.
 *
 * Only a parent learns which signal ended a process; it is noted for whoever sends what that
 * process could not. Where the program does not ask for the status, we do. */
#include "hooks/originals/real.h"

#include "agent/observe/observe.h"

EXPORT pid_t __wait(int *status) __attribute__((alias("wait")));
EXPORT pid_t __waitpid(pid_t child, int *status, int options) __attribute__((alias("waitpid")));

EXPORT pid_t wait(int *status)
{
    int own;
    pid_t ended = real.wait(status ? status : &own);
    observe_child(ended, status ? status : &own);
    return ended;
}

EXPORT pid_t waitpid(pid_t child, int *status, int options)
{
    int own;
    pid_t ended = real.waitpid(child, status ? status : &own, options);
    observe_child(ended, status ? status : &own);
    return ended;
}

EXPORT pid_t wait3(int *status, int options, struct rusage *usage)
{
    int own;
    pid_t ended = real.wait3(status ? status : &own, options, usage);
    observe_child(ended, status ? status : &own);
    return ended;
}

EXPORT pid_t wait4(pid_t child, int *status, int options, struct rusage *usage)
{
    int own;
    pid_t ended = real.wait4(child, status ? status : &own, options, usage);
    observe_child(ended, status ? status : &own);
    return ended;
}

EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    siginfo_t own;
    int result = real.waitid(type, id, info ? info : &own, options);
    observe_child_information(result, info ? info : &own);
    return result;
}
