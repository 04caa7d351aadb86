// SPDX-License-Identifier: Apache-2.0
/* mysql_record.h - from a call that ended to its span on the way out.
 *
 * The library is asked here how the call went, while its answers are still there, and only where
 * the span is recorded. */
#ifndef AGENT_MYSQL_RECORD_H
#define AGENT_MYSQL_RECORD_H

#include "agent/libraries/mysql/mysql_handle.h"

/* Writes and hands over the span of a call that ended. `text`: its statement; NULL where it has
 * none. */
void mysql_record(struct mysql_call *call, struct mysql_handle *handle, bool failed,
                  const struct mysql_text *text);

/* Ends what was sent and never asked about, if there is such. */
void mysql_record_pending(struct mysql_handle *handle);
/* Ends a call that was not ready and has not been made again, likewise. */
void mysql_record_abandoned(struct mysql_handle *handle);

/* The connection is closed under the call under way, a nonblocking one. */
void mysql_record_left(struct mysql_handle *handle);

/* Another call begins where one was jumped out of: when that ended nobody knows, so it is counted.
 */
void mysql_record_overtaken(struct mysql_handle *handle);

/* The process ends: counts the calls that have not ended. */
void mysql_record_open_calls(void);

#endif
