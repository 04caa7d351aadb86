// SPDX-License-Identifier: Apache-2.0
/* mysql_retry.h - is this statement sent again?
 *
 * A statement is a retry when the same thread sends the same text for the same request after it
 * failed in a way that is worth another try. By then the failed span has left the process; so the
 * new span carries the number of the attempt, and an event that names the earlier failure. One
 * failed statement a thread is remembered. */
#ifndef AGENT_MYSQL_RETRY_H
#define AGENT_MYSQL_RETRY_H

#include "agent/libraries/mysql/mysql_span.h"

/* Outside a request nothing tells retries from routine but time. */
#define MYSQL_RETRY_WITHIN_NS 60000000000u

/* Is there anything to compare with? */
bool mysql_retry_expected(void);

/* What is known of earlier attempts of the statement with that hash, begun at `now_ns`. */
struct mysql_attempt mysql_retry_of(uint64_t hash, uint64_t now_ns);

/* The statement ended: with an error worth a retry (`number`), or otherwise (0). */
void mysql_retry_note(uint64_t hash, const struct mysql_attempt *attempt, unsigned number,
                      uint64_t now_ns);

#endif
