// SPDX-License-Identifier: Apache-2.0
/* sql_summary.h - operations and targets of a statement, token by token.
 *
 * No grammar, but what can be told in one pass: which words begin an operation, and where a table
 * must stand. Per depth of parentheses it remembers two bits, whether a FROM is awaited and whether
 * a comma separates tables; that tells EXTRACT(YEAR FROM x) from a clause. Names are written to
 * the summary as they come and taken back if they turn out to be a function or a common table
 * expression. */
#ifndef AGENT_SQL_SUMMARY_H
#define AGENT_SQL_SUMMARY_H

#include "agent/sql/sql_state.h"

void sql_summary_init(struct sql_summary *summary, char *buffer, size_t capacity);
void sql_summary_token(struct sql_summary *summary, const struct sql_token *token);
void sql_summary_end(struct sql_summary *summary);

#endif
