// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql_literal.h"

#include "agent/base/http1_scan.h"
#include "agent/sql/sql_scan.h"

size_t sql_blanks_end(const struct sql_bytes *bytes, size_t at)
{
    while (at < bytes->length && sql_is_blank(bytes->text[at]))
        at++;
    return at;
}

size_t sql_number_end(const struct sql_bytes *bytes, size_t at)
{
    size_t end = at;
    while (end < bytes->length &&
           (sql_classes[bytes->text[end]] == SQL_CLASS_DIGIT || bytes->text[end] == '.'))
        end++;
    if (end == bytes->length || !sql_is_word_byte(bytes->text[end]))
        return end;
    return sql_scan_number(bytes->text, bytes->length, at, &end) == SQL_SCAN_HIDE ? end
                                                                                  : SQL_NOT_PLAIN;
}

/* As sql_scan_string(), which knows why. */
size_t sql_string_end(const struct sql_bytes *bytes, size_t at)
{
    const char *text = (const char *)bytes->text;
    const char *end = text + bytes->length;
    char quote = text[at];
    const char *from = text + at + 1;
    for (;;) {
        const char *hit = scan_byte(from, end, quote);
        if (!hit)
            return bytes->length;
        if (hit[-1] == '\\' && hit != from)
            return SQL_NOT_PLAIN;
        if (hit + 1 == end || hit[1] != quote)
            return (size_t)(hit + 1 - text);
        if (hit == text + at + 1)
            return SQL_NOT_PLAIN; /* three quotes */
        from = hit + 2;
    }
}

/* Behind the number that a sign at `at` may belong to; `at`: there is none. */
size_t sql_signed_end(const struct sql_bytes *bytes, size_t at)
{
    size_t next = sql_blanks_end(bytes, at + 1);
    if (next == bytes->length)
        return at;
    if (sql_classes[bytes->text[next]] == SQL_CLASS_DIGIT)
        return sql_number_end(bytes, next);
    return bytes->text[next] == '.' ? SQL_NOT_PLAIN : at;
}

/* Behind the literal of a list that begins at `at`; SQL_NOT_PLAIN: it is none. */
size_t sql_item_end(const struct sql_bytes *bytes, size_t at)
{
    unsigned char c = bytes->text[at];
    switch (sql_classes[c]) {
    case SQL_CLASS_DIGIT:
        return sql_number_end(bytes, at);
    case SQL_CLASS_QUOTE:
        return sql_string_end(bytes, at);
    default:
        break;
    }
    size_t end = at;
    bool more = at + 1 < bytes->length;
    if (c == '?' && !(more && sql_classes[bytes->text[at + 1]] == SQL_CLASS_DIGIT))
        return at + 1;
    if (c == '+' || (c == '-' && !(more && bytes->text[at + 1] == '-')))
        end = sql_signed_end(bytes, at);
    return end == at ? SQL_NOT_PLAIN : end;
}
