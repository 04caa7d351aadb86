// SPDX-License-Identifier: Apache-2.0
/* mysql_record.h - from a call that ended to its span on the way out.
 *
 * The library is asked here how the call went, while its answers are still there, and only where
 * the span is recorded. */
#ifndef AGENT_MYSQL_RECORD_H
#define AGENT_MYSQL_RECORD_H

#include "agent/mysql_handle.h"
#include "agent/observe_mysql.h"

/* The text the application gave this call; absent where it gave none. */
struct slice mysql_call_text(const struct mysql_call *call);

/* Writes and hands over the span of a call that ended. `kept`: its statement, where the text was
 * given earlier; else NULL. `operation`: what the call is, where it has no text; else absent. */
void mysql_record(struct mysql_call *call, struct mysql_handle *handle, bool failed,
                  const struct mysql_statement *kept, struct slice operation);

/* Ends what was sent and never asked about, if there is such. */
void mysql_record_pending(struct mysql_handle *handle);

#endif
