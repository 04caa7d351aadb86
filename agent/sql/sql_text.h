// SPDX-License-Identifier: Apache-2.0
/* sql_text.h - the sanitised text, token by token.
 *
 * What is shown is the lexer's decision; here lists become short: of the items of IN (...) and of
 * the rows after VALUES only the first of a kind is written. Nothing is looked at twice, because
 * the list may be megabytes long: a comma waits until the next token says whether it is wanted. */
#ifndef AGENT_SQL_TEXT_H
#define AGENT_SQL_TEXT_H

#include "agent/sql/sql_lexer.h"

enum sql_list {
    SQL_LIST_NONE,
    SQL_LIST_IN,         /* after IN */
    SQL_LIST_VALUES,     /* after VALUES */
    SQL_LIST_FIRST,      /* in the parentheses after IN */
    SQL_LIST_ITEM,       /* after an item that was a literal */
    SQL_LIST_ITEM_COMMA, /* after the comma behind it */
    SQL_LIST_ROW,        /* in the first row */
    SQL_LIST_ROW_END,    /* after a row */
    SQL_LIST_ROW_COMMA,  /* after the comma behind it */
    SQL_LIST_ROW_SKIP    /* in a further row */
};

struct sql_text {
    char *at;
    size_t length;
    size_t capacity;
    bool full;   /* a token did not fit; nothing is written any more */
    bool hidden; /* the last token written is `?` */
    bool gap;    /* tokens were left out since */
    bool comma_spaced;
    enum sql_list list;
    unsigned depth;      /* of parentheses */
    unsigned list_depth; /* the depth outside a row */
};

void sql_text_init(struct sql_text *text, char *buffer, size_t capacity);
void sql_text_token(struct sql_text *text, const struct sql_token *token);

#endif
