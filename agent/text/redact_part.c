// SPDX-License-Identifier: Apache-2.0
#include "agent/text/redact_part.h"

#include "agent/text/redact_sieve.h"
#include "agent/text/redact_take.h"

struct part {
    unsigned char length;
    char text[8]; /* lower case */
};

static const struct part parts[] = {
#define REDACT_KEY(name)
#define REDACT_PART(name) {sizeof(name) - 1, name},
#define REDACT_HEADER(name)
#include "agent/text/redact_keys.def"
#undef REDACT_KEY
#undef REDACT_PART
#undef REDACT_HEADER
};

#define PARTS (sizeof parts / sizeof *parts)

#define KEY_BYTES 128 /* that are looked at, because work is bounded */

static bool is_lower(unsigned char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(unsigned char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Between `before` and `c`, which is a letter and `next` follows; 0 is before the beginning and
 * behind the end. `userPass`, `HTTPAuth`. */
static bool begins_word(unsigned char before, unsigned char c, unsigned char next)
{
    if (is_lower(before))
        return is_upper(c);
    return !is_upper(before) || (is_upper(c) && is_lower(next));
}

/* The letters of a word, a byte each; more than eight are no word of the table. */
static uint64_t packed(uint64_t word, unsigned char c)
{
    return word >> 56 ? UINT64_MAX : word << 8 | (unsigned char)slice_lower((char)c);
}

static bool is_part(uint64_t word)
{
    for (size_t i = 0; i < PARTS; i++) {
        uint64_t part = 0;
        for (size_t at = 0; at < parts[i].length; at++)
            part = packed(part, (unsigned char)parts[i].text[at]);
        if (word == part)
            return true;
    }
    return false;
}

/* What can't stand in a key says that a word before it is none: `/auth/login?a=b`. */
static bool ends_no_key(unsigned char c)
{
    return c == '/' || c == '?' || c == '#' || c == '&' || c == ';' || c == ',';
}

/* One pass and no deep calls, because the stack may be small. */
static inline bool part_read(struct slice text, enum depth depth, bool whole)
{
    const char *end = text.at + text.length;
    const char *at = text.at;
    uint64_t word = 0;
    bool found = false; /* a word of the table, in this key */
    unsigned char before = 0;
    while (at != end) {
        struct taken one = take_one(at, end, depth);
        bool letter = is_lower(one.c) || is_upper(one.c);
        if (word && (!letter || begins_word(before, one.c, take_one(one.next, end, depth).c))) {
            found |= is_part(word);
            word = 0;
        }
        if (letter)
            word = packed(word, one.c);
        else if (found && (one.c == '=' || one.c == ':'))
            return true;
        else if (ends_no_key(one.c))
            found = false;
        before = one.c;
        at = one.next;
    }
    return whole && (found || (word && is_part(word)));
}

__attribute__((noinline)) bool redact_part_in(struct slice text, bool whole)
{
    int end = depths(text);
    for (int depth = DEPTH_RAW; depth < end; depth++)
        if (part_read(text, (enum depth)depth, whole))
            return true;
    return false;
}

bool redact_part_at(struct slice text, size_t at)
{
    unsigned char before = at ? (unsigned char)text.at[at - 1] : 0;
    unsigned char next = at + 1 < text.length ? (unsigned char)text.at[at + 1] : 0;
    struct slice rest = slice_after(text, at);
    if (rest.length > KEY_BYTES)
        rest.length = KEY_BYTES;
    return begins_word(before, (unsigned char)text.at[at], next) &&
           part_read(rest, DEPTH_RAW, true);
}

/* Behind a word comes no small letter. */
static bool fits(const struct part *part, unsigned position, unsigned char c)
{
    if (position < part->length)
        return slice_lower((char)c) == part->text[position];
    return position > part->length || !is_lower(c);
}

void redact_part_prepare(struct redact *redact)
{
    for (size_t i = 0; i < PARTS; i++) {
        unsigned group = redact_sieve_group((unsigned char)parts[i].text[0]);
        for (unsigned position = 0; position < REDACT_SIEVE_BYTES; position++)
            for (unsigned c = 0; c < 256; c++)
                if (fits(&parts[i], position, (unsigned char)c))
                    redact_sieve_add(redact, group, position, (unsigned char)c);
    }
}
