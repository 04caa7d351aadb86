// SPDX-License-Identifier: Apache-2.0
/* descriptor.c - descriptor numbers that are released and taken again.
 *
 * Releases are observed first, because another thread may get the number as soon as the kernel
 * has it back. */
#include "hooks/originals/real.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/observe/observe.h"

EXPORT int __close(int fd) __attribute__((alias("close")));
EXPORT int __dup2(int from, int to) __attribute__((alias("dup2"), nothrow, leaf));
EXPORT int __fcntl(int fd, int command, ...) __attribute__((alias("fcntl")));

EXPORT int close(int fd)
{
    observe_closing(fd);
    return real.close(fd);
}

/* Marking a range close-on-exec releases nothing: an empty range. */
EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    bool releases = !((unsigned)flags & CLOSE_RANGE_CLOEXEC);
    observe_closing_range(releases ? first : 1, releases ? last : 0);
    return real.close_range(first, last, flags);
}

EXPORT void closefrom(int first)
{
    observe_closing_range(first < 0 ? 0 : (unsigned)first, UINT_MAX);
    real.closefrom(first);
}

EXPORT int dup(int from)
{
    int to = real.dup(from);
    observe_duplicated(from, to);
    return to;
}

EXPORT int dup2(int from, int to)
{
    int result = real.dup2(from, to);
    observe_put(from, result);
    return result;
}

EXPORT int dup3(int from, int to, int flags)
{
    int result = real.dup3(from, to, flags);
    observe_put(from, result);
    return result;
}

/* libc closes the stream's number itself. Only standard error's matters: no other is in use as a
 * stream and a connection. fileno() of a stream without a number sets errno. */
EXPORT int fclose(FILE *stream)
{
    int saved = errno;
    int fd = fileno(stream);
    errno = saved;
    if (fd == STDERR_FILENO)
        observe_closing(fd);
    return real.fclose(stream);
}

/* Inside libc the stream's number is kept by a dup3() of its own. */
static void note_reopened(FILE *stream, FILE *result)
{
    if (result && stream == stderr)
        observe_put(-1, fileno(result));
}

EXPORT FILE *freopen(const char *path, const char *mode, FILE *stream)
{
    FILE *result = real.freopen(path, mode, stream);
    note_reopened(stream, result);
    return result;
}

EXPORT FILE *freopen64(const char *path, const char *mode, FILE *stream)
{
    FILE *result = real.freopen64(path, mode, stream);
    note_reopened(stream, result);
    return result;
}

/* Which descriptor an fcntl() made; -1 for commands that make none. */
static int duplicate(int command, int result)
{
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? result : -1;
}

/* The third argument is an int, a pointer or absent; read as the widest, as libc does. */
EXPORT int fcntl(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    int result = real.fcntl(fd, command, argument);
    observe_duplicated(fd, duplicate(command, result));
    return result;
}

EXPORT int fcntl64(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    int result = real.fcntl64(fd, command, argument);
    observe_duplicated(fd, duplicate(command, result));
    return result;
}
