// SPDX-License-Identifier: Apache-2.0
/* percent.h - percent-encoding (RFC 3986, 2.1), a character at a time.
 *
 * Redaction, routes and S3 keys all have to look behind an escape without a buffer of their own. */
#ifndef AGENT_PERCENT_H
#define AGENT_PERCENT_H

#include "agent/base/slice.h"

/* The value of a hexadecimal digit of either case, -1 for another character. */
static inline int percent_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char low = slice_lower(c);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* The two hexadecimal digits at `at` as a byte; -1 where two do not stand there before the end. */
static inline int percent_pair(struct slice text, size_t at)
{
    if (text.length < 2 || at > text.length - 2)
        return -1;
    int high = percent_hex(text.at[at]);
    int low = percent_hex(text.at[at + 1]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Takes one character off the front of *text, which is not empty. An escape that is none stands
 * for itself. */
static inline char percent_take(struct slice *text)
{
    char c = text->at[0];
    int byte = c == '%' ? percent_pair(*text, 1) : -1;
    *text = slice_after(*text, byte < 0 ? 1 : 3);
    return byte < 0 ? c : (char)byte;
}

/* Decodes into `out`, cut at `capacity` bytes. Returns the bytes written. */
static inline size_t percent_decode(struct slice text, char *out, size_t capacity)
{
    size_t used = 0;
    while (text.length && used < capacity)
        out[used++] = percent_take(&text);
    return used;
}

#endif
