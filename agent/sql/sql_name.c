// SPDX-License-Identifier: Apache-2.0
#include "agent/sql/sql_name.h"

#include "agent/base/percent.h"

enum {
    HASH_LETTERS = 8,
    TOKEN_LETTERS = 16,
    LONG_TOKEN_LETTERS = 20,
    TOKEN_CHANGES = 3,
    GROUP_DIGITS = 3,
    ROW_DIGITS = 4,
    MOST_DIGITS = 5,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Of a part: letters, digits, UTF-8. */
static bool is_inner(char c)
{
    char low = slice_lower(c);
    return is_digit(c) || (low >= 'a' && low <= 'z') || (unsigned char)c >= 0x80;
}

static bool is_joint(char c)
{
    return c == '_' || c == '-';
}

static size_t part_length(struct slice text)
{
    size_t length = 0;
    while (length < text.length && is_inner(text.at[length]))
        length++;
    return length;
}

static size_t hex_length(struct slice text)
{
    size_t length = 0;
    while (length < text.length && percent_hex(text.at[length]) >= 0)
        length++;
    return length;
}

/* 8-4-4-4-12, also with `_`: its length, else 0. */
static size_t uuid_length(struct slice text)
{
    static const unsigned char groups[] = {8, 4, 4, 4, 12};
    size_t at = 0;
    for (size_t i = 0; i < sizeof groups; i++) {
        if (i > 0 && (at == text.length || !is_joint(text.at[at++])))
            return 0;
        struct slice rest = slice_after(text, at);
        if (part_length(rest) != groups[i] || hex_length(rest) != groups[i])
            return 0;
        at += groups[i];
    }
    return at;
}

/* Parts of digits only, one after the other: their length together, where they are generated. */
static size_t group_length(struct slice text, bool counted)
{
    size_t end = 0;
    size_t digits = 0;
    size_t from = 0;
    for (;;) {
        size_t at = from;
        while (at < text.length && is_digit(text.at[at]))
            at++;
        if (at == from || (at < text.length && is_inner(text.at[at])))
            break;
        digits += at - from;
        end = at;
        if (at == text.length || !is_joint(text.at[at]))
            break;
        from = at + 1;
    }
    return digits >= GROUP_DIGITS || (counted && digits) ? end : 0;
}

/* What a part is made of. */
struct made {
    size_t digits;
    size_t row;     /* digits, the most in a row */
    size_t first;   /* where the first digit stands */
    size_t end;     /* behind the last one */
    size_t changes; /* places where a digit meets a letter */
};

static struct made made_of(struct slice part)
{
    struct made made = {0};
    size_t row = 0;
    for (size_t i = 0; i < part.length; i++) {
        bool digit = is_digit(part.at[i]);
        made.changes += i > 0 && digit != is_digit(part.at[i - 1]);
        row = digit ? row + 1 : 0;
        if (row > made.row)
            made.row = row;
        if (!digit)
            continue;
        if (!made.digits++)
            made.first = i;
        made.end = i + 1;
    }
    return made;
}

static bool is_random(struct slice part, const struct made *made)
{
    if (!made->digits)
        return hex_length(part) == part.length && part.length >= TOKEN_LETTERS;
    if (part.length >= LONG_TOKEN_LETTERS && made->changes >= TOKEN_CHANGES)
        return true;
    if (part.length < HASH_LETTERS)
        return false;
    if (hex_length(part) == part.length)
        return true;
    size_t rate = part.length < TOKEN_LETTERS ? 3 : 4; /* utf8mb4 and oauth2token2 are words */
    return made->changes * rate >= part.length;
}

/* Where generated text lies in a part; its length is 0 where there is none. */
static struct slice generated_in(struct slice part, bool counted)
{
    struct made made = made_of(part);
    if (is_random(part, &made))
        return part;
    bool number = made.row >= ROW_DIGITS ||
                  (made.digits >= MOST_DIGITS && made.digits * 2 > part.length) ||
                  (counted && made.digits);
    return (struct slice){part.at + made.first, number ? made.end - made.first : 0};
}

struct folding {
    char *at;
    size_t length;
};

/* The text moves to the front in its own memory. */
static void keep(struct folding *folding, struct slice text)
{
    if (text.length)
        memmove(folding->at + folding->length, text.at, text.length);
    folding->length += text.length;
}

bool sql_name_fold(char *name, size_t *length, bool counted)
{
    struct folding folding = {name, 0};
    struct slice rest = {name, *length};
    bool folded = false;
    while (rest.length) {
        size_t whole = uuid_length(rest);
        if (!whole)
            whole = group_length(rest, counted);
        size_t taken = whole ? whole : part_length(rest);
        if (!taken) {
            keep(&folding, (struct slice){rest.at, 1});
            rest = slice_after(rest, 1);
            continue;
        }
        struct slice part = {rest.at, taken};
        struct slice generated = whole ? part : generated_in(part, counted);
        rest = slice_after(rest, taken);
        if (!generated.length) {
            keep(&folding, part);
            continue;
        }
        size_t before = (size_t)(generated.at - part.at);
        struct slice behind = slice_after(part, before + generated.length);
        keep(&folding, (struct slice){part.at, before});
        name[folding.length++] = '?';
        keep(&folding, behind);
        folded = true;
    }
    *length = folding.length;
    return folded;
}
