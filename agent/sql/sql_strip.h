// SPDX-License-Identifier: Apache-2.0
/* sql_strip.h - a plain statement without its values, while the program waits.
 *
 * No value may be in what is written down, so values are hidden on the program's thread; all else
 * that is said of a statement can be found from what is left, later. Most statements of programs
 * are plain: they begin with SELECT, INSERT, UPDATE, DELETE or REPLACE and are made of words and
 * backquoted names of ASCII letters, digits and _, of literals that end for certain, of `?` and of
 * operators. Those are stripped here in one pass, at a few instructions a byte. All others are not
 * plain, and sql_summarise() has to look at them at once: what has comments, brackets, variables,
 * colons or a percent sign, several statements, or more than values in a row that is left out.
 *
 * Of the text that is left sql_summarise() finds what it finds of the statement, the same text
 * included; a fuzzer compares them. Nor is there in it what redact_runs.h can't look at.
 *
 * Pure, as sql.h says. */
#ifndef AGENT_SQL_STRIP_H
#define AGENT_SQL_STRIP_H

#include "agent/sql/sql.h"

/* Writes the sanitised text to out[0..capacity). False: the statement is not plain, or does not
 * fit; then what lies there is as secret as the statement's names. Else `result` has its text and
 * operation; what else is in it is to be found by sql_summarise() of that text. */
bool sql_strip(struct slice statement, char *out, size_t capacity, struct sql *result);

/* Is `text`, which sql_strip() made of another statement, what it would make of this one? Quick
 * where it is the same with other values; false in doubt. */
bool sql_strip_repeats(struct slice statement, struct slice text);

#endif
