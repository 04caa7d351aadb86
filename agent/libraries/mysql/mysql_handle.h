// SPDX-License-Identifier: Apache-2.0
/* mysql_handle.h - what is known of a connection to a database, and of its prepared statements.
 *
 * Where a MYSQL * leads to is remembered from the calls that said so, because its layout is not to
 * be relied on; libmariadb is asked when it has connected, since it also knows option files and
 * defaults. A statement's text is sanitised when it is given and kept, bounded: it is executed
 * often where it was prepared, it explains errors of later results, and the application may free it
 * as soon as a nonblocking call has begun. */
#ifndef AGENT_MYSQL_HANDLE_H
#define AGENT_MYSQL_HANDLE_H

#include <stdatomic.h>

#include "agent/base/handle.h"
#include "agent/describe/mysql_facts.h"
#include "agent/libraries/mysql/mysql_call.h"
#include "agent/sql/sql.h"
#include "agent/work/client_span.h"

#define MYSQL_TEXT_BYTES 3840 /* of text and summary kept of a statement */

/* A statement, without its values. */
struct mysql_text {
    bool known;              /* else nothing but `span` is this one's */
    bool is_plain;           /* `sql` has its text and operation only */
    bool repeats;            /* one that it would be the same for may use `sql` */
    bool masked;             /* a secret among its names was hidden */
    uint64_t hash;           /* of the text as the application gave it */
    struct client_span span; /* of the call that sent it last */
    struct sql sql;          /* its slices point into `buffer` or a struct mysql_known */
    char buffer[MYSQL_TEXT_BYTES];
};

#define MYSQL_ADDRESS_BYTES 256
#define MYSQL_USER_BYTES    96  /* 80 characters at most, in MariaDB */
#define MYSQL_SCHEMA_BYTES  200 /* 64 characters of up to 3 bytes */

/* Where a connection leads to, as it may be told. */
struct mysql_place {
    bool known;
    bool masked; /* a secret in it was hidden */
    uint16_t bytes;
    uint16_t lengths[MYSQL_PLACE_TEXTS];
    char texts[MYSQL_ADDRESS_BYTES + MYSQL_USER_BYTES + MYSQL_SCHEMA_BYTES];
};

/* Plain statements that were sent before, as they are told: most are sent again. */
#define MYSQL_KNOWN       4
#define MYSQL_KNOWN_BYTES 494

struct mysql_known {
    struct slice operation;
    uint16_t length; /* 0: none */
    char bytes[MYSQL_KNOWN_BYTES];
};

struct mysql_known_list {
    unsigned last; /* the one that was written or used last */
    struct mysql_known known[MYSQL_KNOWN];
};

struct mysql_handle {
    _Alignas(64) struct handle handle;
    /* The struct mysql_call of the outermost call under way; 0: none. Relaxed: one thread uses a
     * handle at a time. */
    _Atomic uintptr_t frame;
    uint8_t system;      /* enum mysql_system */
    bool is_unix;        /* `address` is a socket's path */
    bool reconnected;    /* by the library, in the call under way */
    uint8_t waiting_for; /* enum mysql_operation of `waiting` */
    uint16_t port;
    char address[MYSQL_ADDRESS_BYTES]; /* empty: not known; likewise the others */
    char user[MYSQL_USER_BYTES];
    char schema[MYSQL_SCHEMA_BYTES];
    char next_user[MYSQL_USER_BYTES];     /* where the call under way leads to, if it succeeds */
    char next_schema[MYSQL_SCHEMA_BYTES]; /* likewise */
    struct mysql_place place;             /* made of the three when it is asked for */
    struct client_span calling;  /* of the call under way that `frame` is, where one ends with it */
    void *calling_stmt;          /* its prepared statement, or NULL */
    const char *calling_command; /* as waiting_command */
    struct client_span pending;  /* sent, its result not yet read */
    struct client_span waiting;  /* of a call that is to be made again: it was not ready */
    const char *waiting_command; /* its name, or NULL; static */
    struct mysql_known_list known;
    struct mysql_text text; /* of the last statement that was not a prepared one */
};

/* A prepared statement. */
struct mysql_statement {
    _Alignas(64) struct handle handle;
    void *mysql;
    uint32_t generation; /* of the handle at `mysql`: another connection may come to lie there */
    struct mysql_text text;
};

/* NULL when there is no room. */
struct mysql_handle *mysql_handle_made(void *mysql);
/* NULL when not known. */
struct mysql_handle *mysql_handle_known(void *mysql);
void mysql_handle_drop(void *mysql);
void mysql_handle_each(void (*visit)(const void *handle));

/* Where the application asked to connect to, before the answer. Absent parts stay as they are. */
void mysql_handle_aim(struct mysql_handle *handle, const struct mysql_target *target);
/* Which user and schema it asked for on a connection that stands; and that it has them now. */
void mysql_handle_aim_next(struct mysql_handle *handle, const struct mysql_target *target);
void mysql_handle_moved(struct mysql_handle *handle);
/* A connection stands: the library's own view of it. */
void mysql_handle_connected(struct mysql_handle *handle, const struct mysql_library *library,
                            void *mysql);
void mysql_handle_use(struct mysql_handle *handle, struct slice schema);
/* Where it leads to, without secrets. */
const struct mysql_place *mysql_handle_place(struct mysql_handle *handle);

struct mysql_statement *mysql_statement_make(void *key, void *mysql);
struct mysql_statement *mysql_statement_of(void *key);
void mysql_statement_drop(void *key);

/* Sanitises and remembers the text. `known`: of the connection; NULL: others are not looked at. */
void mysql_text_keep(struct mysql_text *text, struct mysql_known_list *known, struct slice given);

#endif
