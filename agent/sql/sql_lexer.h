// SPDX-License-Identifier: Apache-2.0
/* sql_lexer.h - a statement in pieces, the secret ones marked.
 *
 * The lexer decides what may be shown; those who read its tokens show all but literals and the
 * rest. It knows no grammar. It reads MySQL, and gives up (SQL_TOKEN_REST) where another dialect
 * or setting could see a literal end elsewhere; sql.h lists where. */
#ifndef AGENT_SQL_LEXER_H
#define AGENT_SQL_LEXER_H

#include "agent/base/slice.h"
#include "agent/sql/sql_word.h"

enum sql_token_kind {
    SQL_TOKEN_END,
    SQL_TOKEN_WORD,        /* keyword or identifier */
    SQL_TOKEN_QUOTED,      /* identifier, with its backquotes */
    SQL_TOKEN_LITERAL,     /* to hide; also the placeholder `?` and executable comments */
    SQL_TOKEN_PLACEHOLDER, /* $1, :name */
    SQL_TOKEN_VARIABLE,    /* @x, @@session.x */
    SQL_TOKEN_MARK,        /* one byte of punctuation */
    SQL_TOKEN_REST         /* to hide: nothing beyond is certain; the last but the end */
};

struct sql_token {
    enum sql_token_kind kind;
    enum sql_word word; /* of a WORD that is no part of a qualified name */
    bool spaced;        /* white space or a comment precedes it */
    struct slice bytes; /* as written; valid UTF-8 in all kinds that may be shown */
};

struct sql_lexer {
    const unsigned char *text;
    size_t length;
    size_t at;
    size_t bracket_end;     /* up to here square brackets may make an identifier */
    bool bracket_open;      /* ... which has no certain end */
    struct sql_token token; /* the last one */
    enum sql_word before;   /* the word of the one before it */
};

void sql_lexer_init(struct sql_lexer *lexer, struct slice text);

/* The next token; it stays in lexer->token. After the rest or the end: the end, for ever. */
const struct sql_token *sql_lexer_next(struct sql_lexer *lexer);

/* Whether a token is this one byte of punctuation. */
static inline bool sql_token_is(const struct sql_token *token, char mark)
{
    return token->kind == SQL_TOKEN_MARK && token->bytes.at[0] == mark;
}

#endif
