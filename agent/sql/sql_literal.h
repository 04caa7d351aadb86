// SPDX-License-Identifier: Apache-2.0
/* sql_literal.h - where the literals of a plain statement (sql_strip.h) end. */
#ifndef AGENT_SQL_LITERAL_H
#define AGENT_SQL_LITERAL_H

#include <stddef.h>
#include <stdint.h>

#include "agent/sql/sql_scan.h"

struct sql_bytes {
    const unsigned char *text;
    size_t length;
};

#define SQL_NOT_PLAIN SIZE_MAX /* as a position: the literal does not end for certain */

static inline bool sql_is_blank(unsigned char c)
{
    return sql_classes[c] == SQL_CLASS_SPACE;
}

/* Behind the blanks at `at`, if there are any. */
size_t sql_blanks_end(const struct sql_bytes *bytes, size_t at);

/* Behind the number that begins at `at`, with a digit. */
size_t sql_number_end(const struct sql_bytes *bytes, size_t at);

/* Behind the string whose quote is at `at`. As sql_scan_string(), which knows why. */
size_t sql_string_end(const struct sql_bytes *bytes, size_t at);

/* Behind the number that a sign at `at` may belong to; `at`: there is none. */
size_t sql_signed_end(const struct sql_bytes *bytes, size_t at);

/* Behind the literal of a list that begins at `at`; SQL_NOT_PLAIN: it is none. */
size_t sql_item_end(const struct sql_bytes *bytes, size_t at);

#endif
