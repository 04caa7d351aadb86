// SPDX-License-Identifier: Apache-2.0
/* sql_target.h - the names in a summary: tables, procedures, schemas.
 *
 * A name comes in pieces (`shop`.`orders`) and is written as it comes; only the token behind it
 * tells whether it was one. A table function and a common table expression are taken back. */
#ifndef AGENT_SQL_TARGET_H
#define AGENT_SQL_TARGET_H

#include "agent/sql/sql_state.h"

/* Whether a table may stand where this is expected. */
bool sql_target_is_table(enum sql_expected expected);

/* Writes `bytes`, after a space if `spaced`, or makes the summary full. */
void sql_target_append(struct sql_summary *summary, struct slice bytes, bool spaced);

/* What the summary holds from position `at` on, without the space before it. */
struct slice sql_target_written(const struct sql_summary *summary, size_t at);

/* A name begins with this token, as what summary->expected says. */
void sql_target_begin(struct sql_summary *summary, const struct sql_token *token);

/* Whether the token belongs to the name that is being written; if not, that name is complete. */
bool sql_target_continues(struct sql_summary *summary, const struct sql_token *token);

/* The name is complete: `next` is the token behind it, or NULL at the end. */
void sql_target_end(struct sql_summary *summary, const struct sql_token *next);

#endif
