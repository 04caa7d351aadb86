// SPDX-License-Identifier: Apache-2.0
/* mysql_call.h - a call of libmariadb or libmysqlclient, and what is asked of the library then. */
#ifndef AGENT_MYSQL_CALL_H
#define AGENT_MYSQL_CALL_H

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

#endif
