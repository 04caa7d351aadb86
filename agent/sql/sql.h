// SPDX-License-Identifier: Apache-2.0
/* sql.h - what may be said of a statement: its text without values, and a summary.
 *
 * A statement carries passwords, addresses, card numbers. The text that leaves the process shows
 * only what is certainly not a value: words, identifiers in backquotes, variables, placeholders,
 * punctuation. Everything else is written as `?`. Where two dialects, or two settings of one
 * server, disagree about where a value ends, the rest of the statement is one `?`, because
 * beyond that point a value may look like a word:
 *
 *  - a quote after an odd number of backslashes (NO_BACKSLASH_ESCAPES or not; GBK and SJIS);
 *  - a literal that begins with a doubled quote, Oracle's q'..', dollar quotes;
 *  - comments in comments, `#`, `--` without a space and `//` on a line that holds quotes;
 *  - square brackets that enclose half a literal;
 *  - bytes that are not UTF-8, control characters and backslashes outside literals;
 *  - what follows IDENTIFIED BY, which some servers take without quotes.
 *
 * Double quotes are strings, as in MySQL without ANSI_QUOTES; so a dialect that quotes identifiers
 * with them loses those names, not its secrets. TRUE and FALSE are literals, as the conventions
 * list them; NULL is structure (IS NULL) and stays. Words of letters and digits are identifiers,
 * even where a program forgot the quotes around a value: no lexer can know. An integer after a
 * dollar sign ($1) is a placeholder; in T-SQL it would be money.
 *
 * Lists become short, so that the text's cardinality does not grow with the data: `IN (?, ?, ?)`
 * is `IN (?)`, `VALUES (?, ?), (?, ?)` is `VALUES (?, ?)`, `IN ((?, ?), (?, ?))` is `IN ((?, ?))`.
 * Comments are dropped, executable ones are `?`, runs of white space are one space. Sanitising a
 * text again changes nothing, but that it hides more where a square bracket has lost its end.
 *
 * The summary follows the OpenTelemetry database conventions, "Generating a summary of the query":
 * operations and their targets in the order of the text, `INSERT audit SELECT orders`. Three
 * deviations keep its cardinality low: operations are in upper case however they were written;
 * backquotes around a plain name are dropped, so that it does not matter who wrote the statement;
 * and what a program generated in a name is folded (`tmp_?`, sql_name.h), though not in the text
 * and the collection, which say what was used. Of several statements, one that repeats the summary
 * of its predecessor adds nothing. Not targets: aliases, common table expressions, table functions,
 * DUAL, users.
 *
 * Pure: no allocation, no locale, time linear in the statement's first SQL_READ_BYTES, and constant
 * stack (about a kilobyte). */
#ifndef AGENT_SQL_H
#define AGENT_SQL_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/slice.h"

/* What is read of a statement, in bytes: a bulk INSERT may be many megabytes long, and its end says
 * nothing new. What lies beyond is neither shown nor counted. */
#define SQL_READ_BYTES 32768

/* The longest summary, in bytes (conventions: 255 characters). */
#define SQL_SUMMARY_BYTES 255

/* What was found. All slices but `operation` point into the caller's buffer. */
struct sql {
    struct slice text;       /* sanitised, valid UTF-8, cut between tokens; may be empty */
    struct slice summary;    /* at most SQL_SUMMARY_BYTES, cut between tokens; may be empty */
    struct slice operation;  /* the first one, upper case, static; absent where none is known */
    struct slice collection; /* the table as written, schema included; absent unless exactly one */
    struct slice use_schema; /* of the last USE statement, without its backquotes; else absent */
    unsigned statements;     /* separated by `;`, empty ones not counted; 0 for an empty text */
    bool reads;              /* the first statement is one that returns rows */
    bool truncated;          /* the text ends before the statement does: the buffer is full, the
                                statement is longer than SQL_READ_BYTES, or its rest is hidden */
};

/* Fills `result` from `statement`, which may hold any bytes. `buffer` must live as long as the
 * result; a quarter of it, at most SQL_SUMMARY_BYTES, serves the summary, the rest the text. Any
 * `capacity` in bytes is right, 0 included: what does not fit is left out. Never fails. */
void sql_summarise(struct slice statement, char *buffer, size_t capacity, struct sql *result);

#endif
