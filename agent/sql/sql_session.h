// SPDX-License-Identifier: Apache-2.0
/* sql_session.h - statements that only set up a session or a transaction.
 *
 * `SET NAMES`, `BEGIN`, `COMMIT` and kin come with each use of a connection and say nothing about
 * data; libraries send them by themselves. In doubt a statement is none of them: `SET @a = (SELECT
 * ...)`, `SET STATEMENT ... FOR SELECT ...`, a compound `BEGIN NOT ATOMIC`, several statements in
 * one text, a text whose end is not known. */
#ifndef AGENT_SQL_SESSION_H
#define AGENT_SQL_SESSION_H

#include "agent/sql/sql.h"

bool sql_is_session(const struct sql *sql);

#endif
