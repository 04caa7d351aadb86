// SPDX-License-Identifier: Apache-2.0
#include "agent/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/connection.h"

#define LINE_BYTES 1000

/* Written in the constructor, before threads exist; only read afterwards. */
static enum log_level threshold = LOG_WARN;
static bool silent;

void log_set_level(enum log_level level)
{
    threshold = level;
}

enum log_level log_level(void)
{
    return threshold;
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"none", "error", "warn", "info", "debug"};
    return names[level];
}

bool log_has_reader(void)
{
    return !silent && !connection_of(STDERR_FILENO);
}

void log_silence(void)
{
    silent = true;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level > threshold || !log_has_reader())
        return;

    int saved = errno;
    char line[LINE_BYTES];
    int head =
        snprintf(line, sizeof line, "otelagent[%ld]: %s: ", (long)getpid(), level_name(level));
    va_list arguments;
    va_start(arguments, format);
    int body = vsnprintf(line + head, sizeof line - (size_t)head, format, arguments);
    va_end(arguments);

    size_t length = (size_t)head + (body > 0 ? (size_t)body : 0);
    if (length > sizeof line - 1)
        length = sizeof line - 1;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[length] = '\n';
    ssize_t written = write(STDERR_FILENO, line, length + 1);
    (void)written; /* nobody to tell */
    errno = saved;
}
