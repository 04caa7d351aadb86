// SPDX-License-Identifier: Apache-2.0
#include "agent/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/redact_shape.h"
#include "agent/standard_error.h"

#define LINE_BYTES 1000

/* Written in the constructor, before threads exist; only read afterwards. */
static enum log_level threshold = LOG_WARN;

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

/* "otelagent[PID]: warn: ", and what is missing before it. */
static int write_head(char line[LINE_BYTES], enum log_level level, unsigned unsaid)
{
    int length =
        snprintf(line, LINE_BYTES, "otelagent[%ld]: %s: ", (long)getpid(), level_name(level));
    if (unsaid)
        length += snprintf(line + length, LINE_BYTES - (size_t)length,
                           "(%u earlier message%s could not be written) ", unsaid,
                           unsaid == 1 ? "" : "s");
    return length;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level > threshold)
        return;

    int saved = errno;
    char line[LINE_BYTES];
    unsigned unsaid = standard_error_unsaid();
    int head = write_head(line, level, unsaid);
    va_list arguments;
    va_start(arguments, format);
    int body = vsnprintf(line + head, sizeof line - (size_t)head, format, arguments);
    va_end(arguments);

    size_t length = (size_t)head + (body > 0 ? (size_t)body : 0);
    if (length > sizeof line - 1)
        length = sizeof line - 1;
    length = redact_shape_blot(line, length, sizeof line - 1);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[length] = '\n';
    if (!standard_error_say(line, length + 1))
        standard_error_count_unsaid(unsaid);
    errno = saved;
}
