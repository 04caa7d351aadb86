// SPDX-License-Identifier: Apache-2.0
#include "agent/redact_words.h"

#include "agent/percent.h"

static const char *const fixed_keys[] = {
#define REDACT_KEY(name) name,
#define REDACT_HEADER(name)
#include "agent/redact_keys.def"
#undef REDACT_KEY
#undef REDACT_HEADER
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* How far a text is decoded before words are looked for. Each way is tried, because it is not
 * known how often the application decodes: `%25address` is `%address` to one and no address to
 * the other. */
enum depth { DEPTH_RAW, DEPTH_ONCE, DEPTH_TWICE, DEPTH_COUNT };

/* credit-card, credit.card and Credit Card are the word credit_card. */
static char fold(char c)
{
    return c == '-' || c == '.' || c == '+' || c == ' ' ? '_' : slice_lower(c);
}

static bool alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static char take(struct slice *text, enum depth depth)
{
    if (depth == DEPTH_TWICE && text->at[0] == '%' && percent_pair(*text, 1) == '%') {
        int byte = percent_pair(*text, 3);
        if (byte >= 0) {
            *text = slice_after(*text, 5);
            return fold((char)byte);
        }
    }
    if (depth != DEPTH_RAW)
        return fold(percent_take(text));
    char c = fold(text->at[0]);
    *text = slice_after(*text, 1);
    return c;
}

/* ---- words ---- */

static bool add_word(struct redact *redact, struct slice text, bool whole)
{
    if (redact->count == COUNT(redact->words))
        return false;
    struct redact_word *word = &redact->words[redact->count++];
    word->length = (uint8_t)(text.length < REDACT_WORD_BYTES ? text.length : REDACT_WORD_BYTES);
    word->whole = whole;
    for (size_t i = 0; i < word->length; i++)
        word->text[i] = fold(text.at[i]);
    unsigned char first = (unsigned char)word->text[0];
    redact->first[first / 64] |= UINT64_C(1) << (first % 64);
    return true;
}

size_t redact_init(struct redact *redact, const struct config *config)
{
    memset(redact, 0, sizeof *redact);
    redact->hash = config->redact_mode == REDACT_HASH;
    for (size_t i = 0; i < COUNT(fixed_keys); i++)
        add_word(redact, slice_of(fixed_keys[i]), true);

    size_t left_out = 0;
    struct slice list = slice_of(config->redact_keys);
    while (list.length) {
        size_t comma = slice_find(list, ',');
        struct slice word = slice_trim((struct slice){list.at, comma});
        if (word.length && !add_word(redact, word, false))
            left_out++;
        list = slice_after(list, comma < list.length ? comma + 1 : comma);
    }
    return left_out;
}

static bool word_at(const struct redact_word *word, struct slice text, enum depth depth,
                    struct slice *rest)
{
    for (size_t i = 0; i < word->length; i++)
        if (!text.length || take(&text, depth) != word->text[i])
            return false;
    struct slice next = text;
    if (word->whole && next.length && alphanumeric(take(&next, depth)))
        return false;
    *rest = text;
    return true;
}

/* The first word in `text`; *rest is what follows it. */
static bool find_word(const struct redact *redact, struct slice text, enum depth depth,
                      struct slice *rest)
{
    bool within = false;
    while (text.length) {
        struct slice here = text;
        unsigned char c = (unsigned char)take(&text, depth);
        if (redact->first[c / 64] >> (c % 64) & 1)
            for (size_t i = 0; i < redact->count; i++)
                if (!(redact->words[i].whole && within) &&
                    word_at(&redact->words[i], here, depth, rest))
                    return true;
        within = alphanumeric((char)c);
    }
    return false;
}

/* Without an escape all depths read the same. */
static int depths(struct slice text)
{
    return slice_find(text, '%') == text.length ? DEPTH_RAW + 1 : DEPTH_COUNT;
}

bool redact_key(const struct redact *redact, struct slice key)
{
    struct slice rest;
    int end = depths(key);
    for (int depth = DEPTH_RAW; depth < end; depth++)
        if (find_word(redact, key, (enum depth)depth, &rest))
            return true;
    return false;
}

static bool assigns(struct slice text, enum depth depth)
{
    while (text.length) {
        char c = take(&text, depth);
        if (c == '=' || c == ':')
            return true;
    }
    return false;
}

/* Does the text hold a word and, later, a `=` or `:`? Then it is a query, form or JSON of its own,
 * and may well hold the secret too. */
static bool holds_pair(const struct redact *redact, struct slice text)
{
    int end = depths(text);
    if (end == DEPTH_RAW + 1 && slice_find(text, '=') == text.length &&
        slice_find(text, ':') == text.length)
        return false;
    for (int depth = DEPTH_RAW; depth < end; depth++) {
        struct slice rest;
        if (find_word(redact, text, (enum depth)depth, &rest) && assigns(rest, (enum depth)depth))
            return true;
    }
    return false;
}

/* Does the text hold a URL with user information? A password may hold any
 * character, so any later `@` counts. */
bool redact_words_user(struct slice text)
{
    int end = depths(text);
    for (int depth = DEPTH_RAW; depth < end; depth++) {
        int matched = 0; /* characters of "://" seen */
        for (struct slice left = text; left.length;) {
            char c = take(&left, (enum depth)depth);
            if (matched == 3 && c == '@')
                return true;
            if (matched < 3)
                matched = c == "://"[matched] ? matched + 1 : c == ':';
        }
    }
    return false;
}

bool redact_words_secret(const struct redact *redact, struct slice text)
{
    return holds_pair(redact, text) || redact_words_user(text);
}
