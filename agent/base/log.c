// SPDX-License-Identifier: Apache-2.0
#include "agent/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/said.h"
#include "agent/base/secrets.h"
#include "agent/base/standard_error.h"

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

/* Writes the line that is `head` and `body` long, of whatever was asked of vsnprintf(). */
static bool write_line(char line[LINE_BYTES], int head, int body)
{
    size_t length = (size_t)head + (body > 0 ? (size_t)body : 0);
    if (length > LINE_BYTES - 1)
        length = LINE_BYTES - 1;
    size_t said = (size_t)head;
    length = said + secrets_hide(line + said, length - said, LINE_BYTES - 1 - said);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[length] = '\n';
    return standard_error_say(line, length + 1);
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
    if (!write_line(line, head, body))
        standard_error_count_unsaid(unsaid);
    errno = saved;
}

void log_once(enum log_level level, const char *topic, const char *format, ...)
{
    if (level > threshold)
        return;

    int saved = errno;
    char line[LINE_BYTES];
    uint64_t reader;
    unsigned unsaid = standard_error_unsaid();
    int head = write_head(line, level, unsaid);
    va_list arguments;
    va_start(arguments, format);
    int body = vsnprintf(line + head, sizeof line - (size_t)head, format, arguments);
    va_end(arguments);
    if (!topic)
        topic = line + head;
    bool shared = threshold < LOG_DEBUG && standard_error_is_read(&reader);
    bool mine = !shared || said_claim(reader, topic);
    bool written = mine && write_line(line, head, body);
    if (!written)
        standard_error_count_unsaid(unsaid);
    if (shared && mine && !written)
        said_over(reader, topic); /* another process may have better luck */
    errno = saved;
}

bool log_over(const char *topic)
{
    uint64_t reader;
    return threshold >= LOG_DEBUG || !standard_error_is_read(&reader) || said_over(reader, topic);
}
