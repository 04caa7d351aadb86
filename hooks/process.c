// SPDX-License-Identifier: Apache-2.0
/* process.c - the end of a process, and what restricts it: observe, then real.
 *
 * The variadic execl() and kin are in trampoline.S. vfork(), clone() and fork() are not wrapped:
 * a wrapper's frame would be shared with the child, and a child is noticed without. */
#include "hooks/originals/real.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/observe/observe.h"

EXPORT void _Exit(int status) __attribute__((alias("_exit"), noreturn));

EXPORT void _exit(int status)
{
    observe_ending();
    real._exit(status);
    __builtin_unreachable();
}

EXPORT void quick_exit(int status)
{
    observe_ending();
    real.quick_exit(status);
    __builtin_unreachable();
}

/* It has failed. */
static int stay(int result)
{
    observe_staying();
    return result;
}

EXPORT int execve(const char *path, char *const argv[], char *const environment[])
{
    observe_leaving();
    return stay(real.execve(path, argv, environment));
}

EXPORT int execv(const char *path, char *const argv[])
{
    observe_leaving();
    return stay(real.execv(path, argv));
}

EXPORT int execvp(const char *file, char *const argv[])
{
    observe_leaving();
    return stay(real.execvp(file, argv));
}

EXPORT int execvpe(const char *file, char *const argv[], char *const environment[])
{
    observe_leaving();
    return stay(real.execvpe(file, argv, environment));
}

EXPORT int fexecve(int fd, char *const argv[], char *const environment[])
{
    observe_leaving();
    return stay(real.fexecve(fd, argv, environment));
}

EXPORT int execveat(int fd, const char *path, char *const argv[], char *const environment[],
                    int flags)
{
    observe_leaving();
    return stay(real.execveat(fd, path, argv, environment, flags));
}

EXPORT int system(const char *command)
{
    observe_starting();
    int result = real.system(command);
    observe_staying();
    return result;
}

EXPORT FILE *popen(const char *command, const char *mode)
{
    observe_starting();
    FILE *result = real.popen(command, mode);
    observe_staying();
    return result;
}

/* Five words for every option, as the kernel takes them; an option with fewer ignores the rest. */
EXPORT int prctl(int option, ...)
{
    va_list list;
    va_start(list, option);
    unsigned long second = va_arg(list, unsigned long);
    unsigned long third = va_arg(list, unsigned long);
    unsigned long fourth = va_arg(list, unsigned long);
    unsigned long fifth = va_arg(list, unsigned long);
    va_end(list);
    observe_restricting(option, second);
    return real.prctl(option, second, third, fourth, fifth);
}

EXPORT int setuid(uid_t user)
{
    observe_changing_user();
    return real.setuid(user);
}

EXPORT int setreuid(uid_t user, uid_t effective)
{
    observe_changing_user();
    return real.setreuid(user, effective);
}

EXPORT int setresuid(uid_t user, uid_t effective, uid_t saved)
{
    observe_changing_user();
    return real.setresuid(user, effective, saved);
}

EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    observe_limiting(0, (int)resource, limit);
    return real.setrlimit(resource, limit);
}

EXPORT int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
{
    observe_limiting(0, (int)resource, limit);
    return real.setrlimit64(resource, limit);
}

EXPORT int prlimit(pid_t process, __rlimit_resource_t resource, const struct rlimit *limit,
                   struct rlimit *before)
{
    observe_limiting(process, (int)resource, limit);
    return real.prlimit(process, resource, limit, before);
}

EXPORT int prlimit64(pid_t process, __rlimit_resource_t resource, const struct rlimit64 *limit,
                     struct rlimit64 *before)
{
    observe_limiting(process, (int)resource, limit);
    return real.prlimit64(process, resource, limit, before);
}
