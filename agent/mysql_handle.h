// SPDX-License-Identifier: Apache-2.0
/* mysql_handle.h - what is known of a connection to a database, and of its prepared statements.
 *
 * Where a MYSQL * leads to is remembered from the calls that said so, because its layout is not to
 * be relied on; libmariadb is asked when it has connected, since it also knows option files and
 * defaults. A prepared statement's text is given once and executed often: it is sanitised once
 * and kept, bounded. */
#ifndef AGENT_MYSQL_HANDLE_H
#define AGENT_MYSQL_HANDLE_H

#include <stdatomic.h>

#include "agent/client_span.h"
#include "agent/handle.h"
#include "agent/observe_mysql.h"
#include "agent/sql.h"

#define MYSQL_STATEMENT_BYTES 3840 /* of text and summary kept with a prepared statement */

enum mysql_system { MYSQL_SYSTEM_UNKNOWN, MYSQL_SYSTEM_MYSQL, MYSQL_SYSTEM_MARIADB };

struct mysql_handle {
    _Alignas(64) struct handle handle;
    /* The struct mysql_call of the outermost call under way; 0: none. Relaxed: one thread uses a
     * handle at a time. */
    _Atomic uintptr_t frame;
    uint8_t system; /* enum mysql_system */
    bool is_unix;   /* `address` is a socket's path */
    uint16_t port;
    char address[256];                 /* empty: not known */
    char user[96];                     /* 80 characters at most, in MariaDB */
    char schema[200];                  /* 64 characters of up to 3 bytes */
    struct client_span pending;        /* sent, its result not yet read */
    char batch[SQL_SUMMARY_BYTES + 1]; /* summary of the last multi-statement text */
};

/* A statement whose text is needed later: prepared (by its MYSQL_STMT *), or sent and pending (by
 * its MYSQL *). */
struct mysql_statement {
    _Alignas(64) struct handle handle;
    void *mysql;
    uint32_t generation; /* of the handle at `mysql`: another connection may come to lie there */
    uint64_t hash;       /* of the text as the application gave it */
    struct sql sql;      /* its slices point into `buffer` */
    char buffer[MYSQL_STATEMENT_BYTES];
};

struct mysql_handle *mysql_handle_made(void *mysql);
/* Made where it is not known yet; NULL when there is no room. */
struct mysql_handle *mysql_handle_of(void *mysql);
/* NULL when not known. */
struct mysql_handle *mysql_handle_known(void *mysql);
void mysql_handle_drop(void *mysql);

/* Where the application asked to connect to, before the answer. Absent parts stay as they are. */
void mysql_handle_aim(struct mysql_handle *handle, const struct mysql_target *target);
/* A connection stands: the library's own view of it. */
void mysql_handle_connected(struct mysql_handle *handle, const struct mysql_library *library,
                            void *mysql);
void mysql_handle_use(struct mysql_handle *handle, struct slice schema);

struct mysql_statement *mysql_statement_make(void *key, void *mysql);
struct mysql_statement *mysql_statement_of(void *key);
void mysql_statement_drop(void *key);
/* Sanitises and remembers the text. */
void mysql_statement_keep(struct mysql_statement *statement, struct slice text);

/* Of the text, to recognise it: equal texts have equal hashes. Not 0. */
uint64_t mysql_text_hash(struct slice text);

#endif
