// SPDX-License-Identifier: Apache-2.0
/* sql_word.h - the words of SQL by number; sql_words.def is the list. */
#ifndef AGENT_SQL_WORD_H
#define AGENT_SQL_WORD_H

#include <stdint.h>

#include "agent/base/slice.h"

#define LETTER(letter)                  SQL_LETTER_##letter, SQL_BEFORE_##letter = SQL_LETTER_##letter - 1,
#define SQL_WORD(word, flags, expected) SQL_##word,
enum sql_word {
    SQL_NO_WORD,
#include "agent/sql/sql_words.def"
    SQL_WORD_END
};
#undef LETTER
#undef SQL_WORD

enum sql_word_flag {
    SQL_IS_NONE = 0,
    SQL_IS_VERB = 1,
    SQL_IS_READ = 2,
    SQL_IS_OBJECT = 4,
    SQL_IS_SIGN = 8,
    SQL_IS_ENDS = 16,
    SQL_IS_SKIP = 32,
    SQL_IS_SCOPE = 64
};

/* What a statement may name next. */
enum sql_expected {
    SQL_EXPECT_NOTHING,
    SQL_EXPECT_VERB,           /* the begin of a statement */
    SQL_EXPECT_VERB_OR_OBJECT, /* after EXPLAIN and ANALYZE, options first */
    SQL_EXPECT_OBJECT,         /* TABLE, VIEW, ..., options first */
    SQL_EXPECT_TABLE,          /* one table */
    SQL_EXPECT_TABLES,         /* one of a list, separated by commas and JOIN */
    SQL_EXPECT_USING,          /* likewise, but a parenthesis means columns */
    SQL_EXPECT_NAME,           /* something that is not a table */
    SQL_EXPECT_CTE             /* the name of a common table expression */
};

struct sql_word_row {
    char text[14]; /* upper case */
    unsigned char length;
    unsigned char flags;    /* enum sql_word_flag */
    unsigned char expected; /* enum sql_expected */
};

/* By enum sql_word. */
extern const struct sql_word_row sql_word_rows[SQL_WORD_END];

/* The word that these bytes are in any case, or SQL_NO_WORD. */
enum sql_word sql_word_find(struct slice bytes);

/* In upper case; static. */
static inline struct slice sql_word_text(enum sql_word word)
{
    return (struct slice){sql_word_rows[word].text, sql_word_rows[word].length};
}

/* Does the text begin with that word of at most eight letters, in lower case, in any case? It has
 * at least as many bytes. */
static inline bool sql_same_word(const unsigned char *word, const char *lower, size_t length)
{
    uint64_t a = 0, b = 0;
    memcpy(&a, word, length);
    memcpy(&b, lower, length);
    uint64_t cases = 0;
    memset(&cases, 0x20, length);
    return (a | cases) == b;
}

#endif
