// SPDX-License-Identifier: Apache-2.0
/* log.h - the agent's few words on stderr.
 *
 * stderr belongs to the application, so nothing is said below OTEL_LOG_LEVEL (default warn), and
 * nothing at all from a hook's normal path. A line is written with one write(2), so that lines
 * of several processes do not mix, and nothing is allocated. Whether there is anybody to read it,
 * and how to write without harm, is known by standard_error.h. */
#ifndef AGENT_LOG_H
#define AGENT_LOG_H

#include <stdbool.h>

enum log_level { LOG_NONE, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Messages above this level are dropped. Set once, before threads exist; LOG_WARN until then. */
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* "otelagent[PID]: warn: ..." and a newline; cut at 1,000 bytes. errno is kept. Control
 * characters in the text are written as '?', because parts of it may be foreign. What could not be
 * written is lost, and the next line that can be says how many were. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Likewise, but of what is the same for a whole tree of processes (said.h): `topic` is said by the
 * first that comes to it; NULL: the text is the topic. At LOG_DEBUG by each. */
void log_once(enum log_level level, const char *topic, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What the topic was about is over: it may be said again. True where that was for this process to
 * tell. */
bool log_over(const char *topic);

#endif
