// SPDX-License-Identifier: Apache-2.0
/* slice.h - a borrowed run of bytes.
 *
 * Parsers hand out pieces of buffers that belong to somebody else (the application's receive
 * buffer, an environment string). A slice says where such a piece lies; it owns nothing and is
 * not terminated. */
#ifndef AGENT_SLICE_H
#define AGENT_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *at; /* NULL: absent, as opposed to empty */
    size_t length;  /* bytes */
};

#define SLICE_NONE       ((struct slice){NULL, 0})
#define SLICE_LITERAL(s) ((struct slice){"" s, sizeof(s) - 1})

static inline struct slice slice_of(const char *text)
{
    return text ? (struct slice){text, strlen(text)} : SLICE_NONE;
}

static inline char slice_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool slice_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

/* ASCII case only: header field names and the like (RFC 9110, 5.1). */
static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (slice_lower(a.at[i]) != slice_lower(b.at[i]))
            return false;
    return true;
}

static inline bool slice_starts(struct slice s, struct slice prefix)
{
    return s.length >= prefix.length && slice_equal((struct slice){s.at, prefix.length}, prefix);
}

static inline bool slice_starts_nocase(struct slice s, struct slice prefix)
{
    return s.length >= prefix.length &&
           slice_equal_nocase((struct slice){s.at, prefix.length}, prefix);
}

static inline bool slice_ends(struct slice s, struct slice suffix)
{
    return s.length >= suffix.length &&
           slice_equal((struct slice){s.at + s.length - suffix.length, suffix.length}, suffix);
}

/* Without the first n bytes; n is at most s.length. */
static inline struct slice slice_after(struct slice s, size_t n)
{
    return (struct slice){s.at + n, s.length - n};
}

/* Position of c, or s.length where it does not occur. */
static inline size_t slice_find(struct slice s, char c)
{
    const char *hit = s.length ? memchr(s.at, c, s.length) : NULL;
    return hit ? (size_t)(hit - s.at) : s.length;
}

/* Without the spaces and tabs at both ends (OWS, RFC 9110, 5.6.3). */
static inline struct slice slice_trim(struct slice s)
{
    while (s.length && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = slice_after(s, 1);
    while (s.length && (s.at[s.length - 1] == ' ' || s.at[s.length - 1] == '\t'))
        s.length--;
    return s;
}

/* The trimmed part of a list before the next separator; *list goes on behind it. */
static inline struct slice slice_take_part(struct slice *list, char separator)
{
    size_t length = slice_find(*list, separator);
    struct slice part = slice_trim((struct slice){list->at, length});
    *list = slice_after(*list, length < list->length ? length + 1 : length);
    return part;
}

/* Without white space of any kind at both ends, line ends too: what a person wrote, or a file. */
static inline struct slice slice_trim_space(struct slice s)
{
    while (s.length && slice_is_space(s.at[0]))
        s = slice_after(s, 1);
    while (s.length && slice_is_space(s.at[s.length - 1]))
        s.length--;
    return s;
}

/* As slice_take_part(), of a list that a person wrote. False when it is used up. */
static inline bool slice_next_part(struct slice *list, char separator, struct slice *part)
{
    if (!list->length)
        return false;
    *part = slice_trim_space(slice_take_part(list, separator));
    return true;
}

#endif
