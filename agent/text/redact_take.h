// SPDX-License-Identifier: Apache-2.0
/* redact_take.h - reading a text behind percent-encoding, a character at a time.
 *
 * Each way is tried, because it is not known how often the application decodes: `%25address` is
 * `%address` to one and no address to the other. */
#ifndef AGENT_REDACT_TAKE_H
#define AGENT_REDACT_TAKE_H

#include "agent/base/percent.h"

enum depth { DEPTH_RAW, DEPTH_ONCE, DEPTH_TWICE, DEPTH_COUNT };

/* Without an escape all depths read the same. */
static inline int depths(struct slice text)
{
    return slice_find(text, '%') == text.length ? DEPTH_RAW + 1 : DEPTH_COUNT;
}

/* Any character of an escape may be escaped itself: `%70`, `%2570` and `%25%37%30` are a `p`. */
static inline char take(struct slice *text, enum depth depth)
{
    char c = percent_take(text);
    if (depth != DEPTH_TWICE || c != '%')
        return c;
    struct slice after = *text;
    int byte = 0;
    for (int digits = 2; digits > 0; digits--) {
        int hex = after.length ? percent_hex(percent_take(&after)) : -1;
        if (hex < 0)
            return c;
        byte = byte * 16 + hex;
    }
    *text = after;
    return (char)byte;
}

/* A character of a text that is read as decoded, and where the next one begins; 0 at the end. It
 * comes in registers: what is read goes to several places at a time, and redaction may happen on a
 * small stack. */
struct taken {
    const char *next;
    unsigned char c;
};

/* Of a text that begins with `%`. */
struct taken take_escaped(const char *at, const char *end, enum depth depth);

static inline struct taken take_one(const char *at, const char *end, enum depth depth)
{
    if (at == end)
        return (struct taken){at, 0};
    if (depth == DEPTH_RAW || *at != '%')
        return (struct taken){at + 1, (unsigned char)*at};
    return take_escaped(at, end, depth);
}

#endif
