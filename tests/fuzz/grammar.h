// SPDX-License-Identifier: Apache-2.0
/* grammar.h - the grammar of baggage and tracestate once more, to hold the agent against.
 *
 * Written another way on purpose: a byte at a time, with no look ahead and no slices, from the
 * recommendations (W3C Baggage 3.3.1; W3C Trace Context level 2, 3.3). */
#ifndef TESTS_GRAMMAR_H
#define TESTS_GRAMMAR_H

#include <string.h>

#include "agent/base/slice.h"

#define GRAMMAR_LETTERS "abcdefghijklmnopqrstuvwxyz"
#define GRAMMAR_UPPER   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define GRAMMAR_DIGITS  "0123456789"

static inline bool grammar_one_of(char c, const char *characters)
{
    return c != 0 && strchr(characters, c) != NULL;
}

/* What there is to say of baggage; begin with {.valid = true}. */
struct grammar_list {
    bool valid;
    size_t members; /* without empty ones */
    size_t bytes;   /* of the members alone and the commas between them */
};

enum grammar_place {
    GRAMMAR_BEFORE, /* a key */
    GRAMMAR_KEY,
    GRAMMAR_AFTER, /* a key */
    GRAMMAR_EQUALS,
    GRAMMAR_VALUE,
    GRAMMAR_ESCAPE,
    GRAMMAR_SECOND_DIGIT,
    GRAMMAR_SPACE, /* behind a value */
    GRAMMAR_BAD
};

/* Where a comma, a semicolon or the end may stand: behind a value, which may be empty, or behind
 * the key of a property. */
static inline bool grammar_may_end(enum grammar_place place, bool property)
{
    return place == GRAMMAR_EQUALS || place == GRAMMAR_VALUE || place == GRAMMAR_SPACE ||
           (property && (place == GRAMMAR_KEY || place == GRAMMAR_AFTER));
}

static inline enum grammar_place grammar_in_value(char c)
{
    if (c == '%')
        return GRAMMAR_ESCAPE;
    return c > ' ' && c < 0x7f && !grammar_one_of(c, "\",;\\") ? GRAMMAR_VALUE : GRAMMAR_BAD;
}

static inline enum grammar_place grammar_step(enum grammar_place place, char c)
{
    bool token = grammar_one_of(c, "!#$%&'*+-.^_`|~" GRAMMAR_DIGITS GRAMMAR_LETTERS GRAMMAR_UPPER);
    bool blank = c == ' ' || c == '\t';
    switch (place) {
    case GRAMMAR_BEFORE:
        return blank ? GRAMMAR_BEFORE : token ? GRAMMAR_KEY : GRAMMAR_BAD;
    case GRAMMAR_KEY:
        if (token)
            return GRAMMAR_KEY;
        /* fall through */
    case GRAMMAR_AFTER:
        return blank ? GRAMMAR_AFTER : c == '=' ? GRAMMAR_EQUALS : GRAMMAR_BAD;
    case GRAMMAR_EQUALS:
        return blank ? GRAMMAR_EQUALS : grammar_in_value(c);
    case GRAMMAR_VALUE:
        return blank ? GRAMMAR_SPACE : grammar_in_value(c);
    case GRAMMAR_ESCAPE:
    case GRAMMAR_SECOND_DIGIT:
        if (!grammar_one_of(c, GRAMMAR_DIGITS "abcdefABCDEF"))
            return GRAMMAR_BAD;
        return place == GRAMMAR_ESCAPE ? GRAMMAR_SECOND_DIGIT : GRAMMAR_VALUE;
    case GRAMMAR_SPACE:
        return blank ? GRAMMAR_SPACE : GRAMMAR_BAD;
    default:
        return GRAMMAR_BAD;
    }
}

/* One more line of baggage behind those in *list. */
static inline void grammar_add_baggage(struct grammar_list *list, struct slice line)
{
    enum grammar_place place = GRAMMAR_BEFORE;
    bool property = false;
    size_t bytes = 0;  /* of this member, from its first that is no space */
    size_t spaces = 0; /* of these, those at the end so far */
    for (size_t i = 0; i <= line.length && list->valid; i++) {
        char c = i < line.length ? line.at[i] : ',';
        bool empty = place == GRAMMAR_BEFORE && !property;
        if (c == ',' && (empty || grammar_may_end(place, property))) {
            list->bytes += empty ? 0 : bytes - spaces + (list->members != 0);
            list->members += !empty;
            place = GRAMMAR_BEFORE;
            property = false;
            bytes = spaces = 0;
            continue;
        }
        if (c == ';' && grammar_may_end(place, property)) {
            place = GRAMMAR_BEFORE;
            property = true;
        } else {
            place = grammar_step(place, c);
        }
        list->valid = place != GRAMMAR_BAD;
        spaces = c == ' ' || c == '\t' ? spaces + 1 : 0;
        if (bytes || !spaces)
            bytes++;
    }
}

static inline bool grammar_tracestate_key(char c, size_t before)
{
    return grammar_one_of(c, GRAMMAR_LETTERS GRAMMAR_DIGITS) ||
           (before > 0 && grammar_one_of(c, "_-*/@"));
}

/* A list as it goes out, 512 characters at most. */
static inline bool grammar_is_tracestate(struct slice list)
{
    size_t members = 1;
    size_t key = 0;
    size_t value = 0;
    size_t spaces = 0; /* since the last other character */
    bool equals = false;
    bool ended = false; /* a tab behind the member: nothing but white space may follow */
    for (size_t i = 0; i <= list.length; i++) {
        char c = i < list.length ? list.at[i] : ',';
        if (c == ',') {
            bool empty = key == 0 && !equals;
            if (!empty && (key == 0 || key > 256 || value == spaces || value - spaces > 256))
                return false;
            members += i < list.length;
            key = value = spaces = 0;
            equals = ended = false;
        } else if (c == '\t' || (c == ' ' && !equals)) {
            if (key && !equals)
                return false;
            ended = equals;
        } else if (!equals && c == '=') {
            equals = true;
        } else if (!equals) {
            if (!grammar_tracestate_key(c, key++))
                return false;
        } else {
            if (c < ' ' || c > '~' || c == '=' || (ended && c != ' '))
                return false;
            value += !ended;
            spaces = ended ? spaces : c == ' ' ? spaces + 1 : 0;
        }
    }
    return members <= 32 && list.length <= 512;
}

#endif
