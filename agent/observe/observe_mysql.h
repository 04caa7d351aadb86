// SPDX-License-Identifier: Apache-2.0
/* observe_mysql.h - the seam to libmariadb and libmysqlclient.
 *
 * A hook begins a call, calls the real function, ends the call. The library calls itself through
 * its exported names (mysql_commit sends its statement by mysql_real_query, which lands in our
 * hook), so a call on a handle within another one on the same handle is not looked at: the outer
 * one has the meaning. A call knows the stack frame it began in, so that one that was jumped out
 * of, or waits on the stack of the nonblocking API's coroutine, does not blind the handle. These
 * functions use little stack, because that one has 61 KB. What the application passes is read
 * before the call only, because with that API it may be gone at the end.
 *
 * Every function here keeps errno. */
#ifndef AGENT_OBSERVE_MYSQL_H
#define AGENT_OBSERVE_MYSQL_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/libraries/mysql/mysql_call.h"

/* mysql_init() returned `mysql`. */
void observe_mysql_made(void *mysql);
/* Before mysql_close(). */
void observe_mysql_closing(const struct mysql_library *library, void *mysql);

/* Before a call that sends `text`; also mysql_commit() and kin, with the statement they stand
 * for; with MYSQL_OPERATION_READ_RESULT and _LATER there is none. */
void observe_mysql_query(struct mysql_call *call, const struct mysql_library *library, void *mysql,
                         enum mysql_operation operation, const char *text, size_t length);
/* Before mysql_real_connect(), mysql_change_user(), mysql_select_db(). */
void observe_mysql_target(struct mysql_call *call, const struct mysql_library *library, void *mysql,
                          enum mysql_operation operation, struct mysql_target target);

/* Before a call that is a command of its own; `name` is static. */
void observe_mysql_command(struct mysql_call *call, const struct mysql_library *library,
                           void *mysql, const char *name);

/* mysql_stmt_init() returned `stmt`; mysql_stmt_close() is about to free it. */
void observe_mysql_stmt_made(void *mysql, void *stmt);
void observe_mysql_stmt_closing(void *stmt);
/* Before mysql_stmt_prepare(), mysql_stmt_execute() and what reads more of its results, which have
 * no text, and mariadb_stmt_execute_direct(), which has one. */
void observe_mysql_stmt(struct mysql_call *call, const struct mysql_library *library, void *stmt,
                        enum mysql_operation operation, const char *text, size_t length);

/* The call returned, and is going to be made again for the same: the span and what it says stay
 * with the handle until then. */
void observe_mysql_not_ready(struct mysql_call *call);

/* The call returned. */
void observe_mysql_end(struct mysql_call *call, bool failed);

#endif
