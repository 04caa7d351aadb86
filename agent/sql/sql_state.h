// SPDX-License-Identifier: Apache-2.0
/* sql_state.h - struct sql_summary: what has been seen of a statement so far. */
#ifndef AGENT_SQL_STATE_H
#define AGENT_SQL_STATE_H

#include <stdint.h>

#include "agent/sql/sql_lexer.h"

enum { SQL_SUMMARY_DEPTHS = 64, SQL_SUMMARY_CTES = 8 };

enum sql_name {
    SQL_NAME_NONE,
    SQL_NAME_PIECE, /* a name is being written, a dot may follow */
    SQL_NAME_DOT    /* ... its next piece must follow */
};

struct sql_summary {
    char *at;
    size_t length;
    size_t capacity;
    bool full; /* a name or an operation did not fit; nothing is written any more */

    struct slice operation;
    struct slice table; /* the first one, in the summary */
    struct slice use_schema;
    bool several; /* there is another table than that, or one whose name is hidden */
    bool reads;
    unsigned statements;

    /* The statement */
    bool open;             /* it has a token */
    bool ignored;          /* the rest of it says nothing */
    bool outer;            /* an operation outside parentheses has been seen */
    bool compound;         /* a routine's body: semicolons separate nothing */
    enum sql_word verb;    /* its first operation, SQL_NO_WORD until then */
    enum sql_word latest;  /* the operation begun last */
    enum sql_word object;  /* what CREATE and kin work on */
    size_t part;           /* where its part of the summary begins */
    struct slice previous; /* the part of the statement before */

    /* The place */
    enum sql_expected expected;
    unsigned depth; /* of parentheses; only the first SQL_SUMMARY_DEPTHS have bits */
    uint64_t awaits_from;
    uint64_t in_tables;
    uint64_t in_with;
    struct sql_token last; /* the token before */

    /* The name */
    enum sql_name name;
    enum sql_expected name_as; /* what was expected where it began */
    size_t name_at;            /* where the summary ends without it */
    struct slice ctes[SQL_SUMMARY_CTES];
    unsigned cte_count;
};

#endif
