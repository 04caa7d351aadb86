// SPDX-License-Identifier: Apache-2.0
/* sql_name.h - names in a summary, without what a program generated.
 *
 * A summary is a span's name and a key of metrics, so it may not grow with the data: `tmp_81723`,
 * `log_2026_11_30` and `stmt_7f3a9c01` are `tmp_?`, `log_?` and `stmt_?`. In a name, whose parts
 * are separated by `_`, `-`, `.` and other marks, these become one `?`:
 *
 *  - a UUID; a part of 8 or more hexadecimal digits, or one that mixes letters and digits as no
 *    language does;
 *  - parts of digits only that follow each other, where they are three digits or more together;
 *  - in a part with letters, everything from its first digit to its last, where four are in a row,
 *    or where there are five and most of it is digits (`2026w48`).
 *
 * So `utf8`, `s3_files`, `sha256`, `table1`, `shard_07` stay; what stays has at most a hundred
 * values for a part that is a number, and a thousand for a number behind letters. Names of prepared
 * statements are the program's own counters: there every digit is hidden. What is generated of
 * letters alone is not known. */
#ifndef AGENT_SQL_NAME_H
#define AGENT_SQL_NAME_H

#include <stdbool.h>

#include "agent/base/slice.h"

/* Folds the name in place; it never becomes longer. `counted`: of a prepared statement. False where
 * nothing was folded. */
bool sql_name_fold(char *name, size_t *length, bool counted);

#endif
