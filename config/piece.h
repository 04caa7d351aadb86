// SPDX-License-Identifier: Apache-2.0
/* piece.h - a borrowed part of an environment value.
 *
 * Values are lists of lists: pairs between commas, a name before an equals sign. A piece says where
 * such a part lies; it owns nothing and is not terminated. config/ has a slice of its own because
 * it is the lowest layer and includes nothing from agent/. */
#ifndef CONFIG_PIECE_H
#define CONFIG_PIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct piece {
    const char *at;
    size_t length; /* bytes */
};

static inline struct piece piece_of(const char *text)
{
    return (struct piece){text, strlen(text)};
}

static inline bool piece_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Without the white space at both ends: line ends too, because variables come out of files. */
static inline struct piece piece_trim(struct piece p)
{
    while (p.length && piece_blank(p.at[0])) {
        p.at++;
        p.length--;
    }
    while (p.length && piece_blank(p.at[p.length - 1]))
        p.length--;
    return p;
}

/* ASCII case only, whatever the locale. */
static inline char piece_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool piece_starts(struct piece p, const char *prefix)
{
    size_t length = strlen(prefix);
    if (p.length < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (piece_lower(p.at[i]) != piece_lower(prefix[i]))
            return false;
    return true;
}

static inline bool piece_is(struct piece p, const char *word)
{
    return p.length == strlen(word) && piece_starts(p, word);
}

/* Position of c, or p.length where it does not occur. */
static inline size_t piece_find(struct piece p, char c)
{
    const char *hit = p.length ? memchr(p.at, c, p.length) : NULL;
    return hit ? (size_t)(hit - p.at) : p.length;
}

/* The part before the next c, trimmed; *rest continues behind c. False when *rest is used up. */
static inline bool piece_next(struct piece *rest, char c, struct piece *part)
{
    if (rest->length == 0)
        return false;
    size_t length = piece_find(*rest, c);
    size_t used = length < rest->length ? length + 1 : length;
    *part = piece_trim((struct piece){rest->at, length});
    *rest = (struct piece){rest->at + used, rest->length - used};
    return true;
}

#endif
