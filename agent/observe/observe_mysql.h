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
#include <stdint.h>

#include "agent/work/client_span.h"

/* What the agent asks the library. A function that the library lacks answers 0 or NULL. */
struct mysql_library {
    unsigned (*error_number)(void *mysql);
    const char *(*error_text)(void *mysql);
    const char *(*sqlstate)(void *mysql);
    unsigned (*columns)(void *mysql);       /* of the result; 0: the statement returns none */
    uint64_t (*affected_rows)(void *mysql); /* UINT64_MAX: not known */
    const char *(*server_version)(void *mysql);
    const char *(*host_info)(void *mysql);
    /* mariadb_get_infov(): not 0 where `value` is not known. */
    char (*info)(void *mysql, int value, void *answer);
    unsigned (*stmt_error_number)(void *stmt);
    const char *(*stmt_error_text)(void *stmt);
    const char *(*stmt_sqlstate)(void *stmt);
    unsigned (*stmt_columns)(void *stmt);
    uint64_t (*stmt_affected_rows)(void *stmt);
};

enum mysql_operation {
    MYSQL_OPERATION_QUERY,
    MYSQL_OPERATION_CONNECT,
    MYSQL_OPERATION_CHANGE_USER,
    MYSQL_OPERATION_SELECT_DB,
    MYSQL_OPERATION_SEND,
    MYSQL_OPERATION_READ_RESULT,
    MYSQL_OPERATION_LATER, /* more of what an earlier call began: a span only if it fails */
    MYSQL_OPERATION_PREPARE,
    MYSQL_OPERATION_EXECUTE,
    MYSQL_OPERATION_COMMAND /* PING and kin */
};

#define MYSQL_TERMINATED SIZE_MAX /* a length: the text ends with a NUL */

/* Arguments of mysql_real_connect() and kin, each NULL where it is not given. */
struct mysql_target {
    const char *host;
    const char *user;
    const char *schema;
    const char *socket;
    unsigned port;
};

/* A call under way, on its hook's stack. */
struct mysql_call {
    const struct mysql_library *library;
    void *mysql; /* NULL: nothing to do at the end */
    void *stmt;
    const char *command; /* static: the span's name, where there is no statement */
    enum mysql_operation operation;
    struct client_span span;
};

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
