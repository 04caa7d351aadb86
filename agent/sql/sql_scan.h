// SPDX-License-Identifier: Apache-2.0
/* sql_scan.h - where the opaque parts of a statement end: literals, comments, quoted names.
 *
 * Each function looks at the bytes from `at`, where the part begins, and says what to do with it
 * and, unless that is UNSURE, where it ends. UNSURE: another dialect or setting sees another end,
 * so nothing beyond may be shown. All are linear in what they pass over. */
#ifndef AGENT_SQL_SCAN_H
#define AGENT_SQL_SCAN_H

#include "agent/base/slice.h"

enum sql_scan {
    SQL_SCAN_NONE, /* no such part begins here */
    SQL_SCAN_KEEP, /* may be shown */
    SQL_SCAN_DROP, /* as if it were white space */
    SQL_SCAN_HIDE, /* is shown as ? */
    SQL_SCAN_UNSURE
};

/* A literal in '...' or "...": HIDE or UNSURE. Without an end it reaches to the text's. */
enum sql_scan sql_scan_string(const unsigned char *text, size_t length, size_t at, size_t *end);

/* An identifier in backquotes: KEEP; HIDE if it is longer than any server takes; UNSURE. */
enum sql_scan sql_scan_backquoted(const unsigned char *text, size_t length, size_t at, size_t *end);

/* What may be a comment, at one of - # /. */
enum sql_scan sql_scan_comment(const unsigned char *text, size_t length, size_t at, size_t *end);

/* A number, or a word that begins like one: HIDE or UNSURE. */
enum sql_scan sql_scan_number(const unsigned char *text, size_t length, size_t at, size_t *end);

/* A word of ASCII letters, digits, _, $ and UTF-8: KEEP or UNSURE. */
enum sql_scan sql_scan_word(const unsigned char *text, size_t length, size_t at, size_t *end);

enum sql_class {
    SQL_CLASS_HIDDEN, /* control characters, backslash: no part of SQL outside literals */
    SQL_CLASS_SPACE,
    SQL_CLASS_LETTER, /* and _ */
    SQL_CLASS_HIGH,   /* 128 and above */
    SQL_CLASS_DIGIT,
    SQL_CLASS_DOLLAR,
    SQL_CLASS_QUOTE, /* ' and " */
    SQL_CLASS_BACKQUOTE,
    SQL_CLASS_COMMENT, /* - # / */
    SQL_CLASS_MARK
};

extern const unsigned char sql_classes[256]; /* enum sql_class */

static inline bool sql_is_word_byte(unsigned char c)
{
    return sql_classes[c] >= SQL_CLASS_LETTER && sql_classes[c] <= SQL_CLASS_DOLLAR;
}

#endif
