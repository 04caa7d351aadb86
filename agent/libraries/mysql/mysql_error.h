// SPDX-License-Identifier: Apache-2.0
/* mysql_error.h - a database's errors, in the words that may leave the process.
 *
 * Messages quote what the statement held: "Duplicate entry 'bob@example.com' for key 'email'". A
 * value may hold quotes itself, so everything from the first quoted part to the end of the last is
 * one `?`. What can't be told apart is hidden as a whole. */
#ifndef AGENT_MYSQL_ERROR_H
#define AGENT_MYSQL_ERROR_H

#include <stdbool.h>

#include "agent/base/slice.h"

/* The library's view of a failure, borrowed. */
struct mysql_error {
    unsigned number;      /* 0: it does not say */
    struct slice type;    /* CR_... or SQLSTATE; may be absent */
    struct slice message; /* sanitised; may be absent */
};

#define MYSQL_MESSAGE_BYTES 512 /* MYSQL_ERRMSG_SIZE: longer ones are cut by the library */

/* `error.type`: the client library's class, else the SQLSTATE, else absent. */
struct slice mysql_error_type(unsigned number, const char *sqlstate);

/* The message without literals, written at `out`; SLICE_NONE where none is sure to be harmless. */
struct slice mysql_error_message(unsigned number, struct slice message,
                                 char out[MYSQL_MESSAGE_BYTES]);

/* Is a statement that failed so worth sending again: deadlock, lock wait timeout, connection
 * gone or lost? */
bool mysql_error_retryable(unsigned number);

#endif
