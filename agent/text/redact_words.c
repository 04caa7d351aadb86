// SPDX-License-Identifier: Apache-2.0
#include "agent/text/redact_words.h"

#include "agent/text/redact_part.h"
#include "agent/text/redact_shape.h"
#include "agent/text/redact_sieve.h"
#include "agent/text/redact_take.h"

static const char *const fixed_keys[] = {
#define REDACT_KEY(name) name,
#define REDACT_PART(name)
#define REDACT_HEADER(name)
#include "agent/text/redact_keys.def"
#undef REDACT_KEY
#undef REDACT_PART
#undef REDACT_HEADER
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* credit-card, credit.card and Credit Card are the word credit_card. */
static unsigned char folded(unsigned char c)
{
    return c == '-' || c == '.' || c == '+' || c == ' ' ? '_' : (unsigned char)slice_lower((char)c);
}

static bool alphanumeric(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* ---- words ---- */

/* The bit of the sieve that says that a short word may have begun. */
static uint64_t of_short(const struct redact *redact)
{
    return UINT64_C(1) << (redact->begun - 1);
}

/* May `c` stand at that position where the word begins? Behind its end anything may. */
static bool fits(const struct redact *redact, const struct redact_word *word, unsigned position,
                 unsigned c)
{
    return position >= word->length || redact->fold[c] == word->text[position];
}

/* Words too short for a row of four, to which a `=` belongs, have the first row. */
static bool is_short(const struct redact_word *word)
{
    return word->length + 1 < REDACT_SIEVE_BYTES;
}

static void let_through(struct redact *redact, const struct redact_word *word)
{
    unsigned group = redact_sieve_group(word->text[0]);
    unsigned bytes = is_short(word) ? redact->begun : REDACT_SIEVE_BYTES;
    for (unsigned position = 0; position < bytes; position++)
        for (unsigned c = 0; c < 256; c++)
            if (!fits(redact, word, position, c))
                continue;
            else if (is_short(word))
                redact->sieve[c] |= UINT64_C(1) << position;
            else
                redact_sieve_add(redact, group, position, (unsigned char)c);
}

static void fill_sieve(struct redact *redact)
{
    redact->begun = REDACT_SIEVE_SHORT_BYTES;
    for (size_t i = 0; i < redact->count; i++)
        if (redact->words[i].length < redact->begun)
            redact->begun = redact->words[i].length;
    for (size_t i = 0; i < redact->count; i++)
        let_through(redact, &redact->words[i]);
    redact_shape_prepare(redact);
    redact_part_prepare(redact);
    redact->stops = of_short(redact) | REDACT_SIEVE_HITS | REDACT_SIEVE_ESCAPE;
    redact->sieve['%'] |= REDACT_SIEVE_ESCAPE | REDACT_SIEVE_MARK;
    redact->sieve['@'] |= REDACT_SIEVE_ESCAPE;
    redact->sieve['='] |= REDACT_SIEVE_MARK;
    redact->sieve[':'] |= REDACT_SIEVE_MARK;
}

static bool add_word(struct redact *redact, struct slice text, bool whole)
{
    if (redact->count == COUNT(redact->words))
        return false;
    struct redact_word *word = &redact->words[redact->count++];
    word->length = (uint8_t)(text.length < REDACT_WORD_BYTES ? text.length : REDACT_WORD_BYTES);
    word->whole = whole;
    for (size_t i = 0; i < word->length; i++)
        word->text[i] = folded((unsigned char)text.at[i]);
    for (unsigned char any = 0; any < 32; any++)
        if (word->length == 1 || any == (word->text[1] & 31))
            redact_add_pair(redact->pairs, word->text[0], any);
    return true;
}

size_t redact_init(struct redact *redact, const struct config *config)
{
    memset(redact, 0, sizeof *redact);
    redact->hash = config->redact_mode == REDACT_HASH;
    for (unsigned c = 0; c < 256; c++)
        redact->fold[c] = folded((unsigned char)c);
    for (size_t i = 0; i < COUNT(fixed_keys); i++)
        add_word(redact, slice_of(fixed_keys[i]), true);

    size_t left_out = 0;
    struct slice list = slice_of(config->redact_keys);
    while (list.length) {
        struct slice word = slice_take_part(&list, ',');
        if (word.length && !add_word(redact, word, false))
            left_out++;
    }
    fill_sieve(redact);
    return left_out;
}

static unsigned char fold_at(const struct redact *redact, struct slice text, size_t i)
{
    return i < text.length ? redact->fold[(unsigned char)text.at[i]] : 0;
}

static bool raw_word_at(const struct redact *redact, const struct redact_word *word,
                        struct slice text, size_t at)
{
    if (word->length > text.length - at)
        return false;
    for (size_t i = 0; i < word->length; i++)
        if (fold_at(redact, text, at + i) != word->text[i])
            return false;
    return !word->whole || !alphanumeric(fold_at(redact, text, at + word->length));
}

/* The word that begins at `at`, NULL if none does. */
static const struct redact_word *raw_word(const struct redact *redact, struct slice text, size_t at)
{
    unsigned char before = at ? fold_at(redact, text, at - 1) : 0;
    unsigned char c = fold_at(redact, text, at);
    if (!redact_has_pair(redact->pairs, c, fold_at(redact, text, at + 1)))
        return NULL;
    for (size_t i = 0; i < redact->count; i++) {
        const struct redact_word *word = &redact->words[i];
        if (word->text[0] == c && !(word->whole && alphanumeric(before)) &&
            raw_word_at(redact, word, text, at))
            return word;
    }
    return NULL;
}

/* The end of the sieve's next hit in `text` after the first `at` characters, 0 if there is none.
 * *state: the last bit of each row that has a hit, and the escape's bit. No bit that is shifted
 * meets one that is added, because a row has an empty bit behind it. */
static inline size_t next_hit(const struct redact *redact, struct slice text, size_t at,
                              uint64_t stop, uint64_t *state)
{
    uint64_t now = *state;
    while (at < text.length) {
        now = (now * 2 + REDACT_SIEVE_STARTS) & redact->sieve[(unsigned char)text.at[at++]];
        if (now & stop) {
            *state = now;
            return at;
        }
    }
    return 0;
}

/* What follows the first word in `text` as it stands, NULL if there is none. */
__attribute__((noinline)) static const char *find_raw(const struct redact *redact,
                                                      struct slice text)
{
    for (size_t at = 0; at < text.length; at++) {
        const struct redact_word *word = raw_word(redact, text, at);
        if (word)
            return text.at + at + word->length;
    }
    return NULL;
}

__attribute__((noinline)) struct taken take_escaped(const char *at, const char *end,
                                                    enum depth depth)
{
    struct slice left = {at, (size_t)(end - at)};
    char c = take(&left, depth);
    return (struct taken){left.at, (unsigned char)c};
}

/* The next character, folded. */
static inline struct taken take_folded(const struct redact *redact, const char *at, const char *end,
                                       enum depth depth)
{
    struct taken one = take_one(at, end, depth);
    one.c = redact->fold[one.c];
    return one;
}

/* What follows the word if it stands at `at`, else NULL. */
__attribute__((always_inline)) static inline const char *after_word(const struct redact *redact,
                                                                    const struct redact_word *word,
                                                                    const char *at, const char *end,
                                                                    enum depth depth)
{
    for (size_t i = 0; i < word->length; i++) {
        if (at == end)
            return NULL;
        struct taken one = take_folded(redact, at, end, depth);
        if (one.c != word->text[i])
            return NULL;
        at = one.next;
    }
    return word->whole && alphanumeric(take_folded(redact, at, end, depth).c) ? NULL : at;
}

/* As find_raw, behind escapes. */
__attribute__((noinline)) static const char *
find_decoded(const struct redact *redact, const char *at, const char *end, enum depth depth)
{
    unsigned char before = 0;
    struct taken one = take_folded(redact, at, end, depth);
    while (at != end) {
        struct taken second = take_folded(redact, one.next, end, depth);
        if (redact_has_pair(redact->pairs, one.c, second.c))
            for (size_t i = 0; i < redact->count; i++) {
                const struct redact_word *word = &redact->words[i];
                if (word->text[0] != one.c || (word->whole && alphanumeric(before)))
                    continue;
                const char *rest = after_word(redact, word, at, end, depth);
                if (rest)
                    return rest;
            }
        before = one.c;
        at = one.next;
        one = second;
    }
    return NULL;
}

static const char *find_word(const struct redact *redact, struct slice text, enum depth depth)
{
    return depth == DEPTH_RAW ? find_raw(redact, text)
                              : find_decoded(redact, text.at, text.at + text.length, depth);
}

__attribute__((noinline)) bool redact_key(const struct redact *redact, struct slice key)
{
    int end = depths(key);
    for (int depth = DEPTH_RAW; depth < end; depth++)
        if (find_word(redact, key, (enum depth)depth))
            return true;
    return redact_part_in(key, true);
}

static char take_at(struct slice *text, enum depth depth)
{
    if (depth != DEPTH_RAW)
        return take(text, depth);
    char c = text->at[0];
    *text = slice_after(*text, 1);
    return c;
}

/* What a secret in a text of its own needs around it. */
enum { MARK_EQUALS = 1, MARK_COLON = 2, MARK_AT = 4 };

/* Which of them come out of the text at any depth. */
static unsigned marks_of(struct slice text)
{
    static const unsigned char marks[256] = {
        ['='] = MARK_EQUALS, [':'] = MARK_COLON, ['@'] = MARK_AT};
    unsigned found = 0;
    int end = depths(text);
    for (int depth = DEPTH_RAW; depth < end; depth++)
        for (struct slice left = text; left.length;)
            found |= marks[(unsigned char)take_at(&left, (enum depth)depth)];
    return found;
}

static bool assigns(const char *at, const char *end, enum depth depth)
{
    struct slice left = {at, (size_t)(end - at)};
    while (left.length) {
        char c = take_at(&left, depth);
        if (c == '=' || c == ':')
            return true;
    }
    return false;
}

/* Does the text hold a word and, later, a `=` or `:`? */
__attribute__((noinline)) static bool holds_pair(const struct redact *redact, struct slice text)
{
    int end = depths(text);
    for (int depth = DEPTH_RAW; depth < end; depth++) {
        const char *rest = find_word(redact, text, (enum depth)depth);
        if (rest && assigns(rest, text.at + text.length, (enum depth)depth))
            return true;
    }
    return false;
}

/* A user in front of a host: a password may hold any character, so any `@` after `://` counts.
 * `bare`: also one after a `:` with no space between, as in `user:password@host`. Else it is a
 * path: there `:/` is enough, because many a server makes one slash of several. */
__attribute__((noinline)) static bool holds_user(struct slice text, bool bare)
{
    const int enough = bare ? 3 : 2;
    int end = depths(text);
    for (int depth = DEPTH_RAW; depth < end; depth++) {
        int matched = 0; /* characters of "://" seen */
        bool colon = false;
        for (struct slice left = text; left.length;) {
            char c = take_at(&left, (enum depth)depth);
            if (c == '@' && (matched == enough || colon))
                return true;
            if (matched < enough)
                matched = c == "://"[matched] ? matched + 1 : c == ':';
            colon = bare && (c == ':' || (colon && (unsigned char)c > ' '));
        }
    }
    return false;
}

bool redact_words_user(struct slice text)
{
    unsigned both = MARK_AT | MARK_COLON;
    return (marks_of(text) & both) == both && holds_user(text, false);
}

/* Not inlined, and the deeper function last: its frame is gone by then. */
__attribute__((noinline)) bool redact_words_secret(const struct redact *redact, struct slice text)
{
    unsigned marks = marks_of(text);
    if (!(marks & (MARK_EQUALS | MARK_COLON)))
        return false;
    bool user = marks & MARK_COLON && marks & MARK_AT;
    if ((user && holds_user(text, true)) || redact_part_in(text, false))
        return true;
    return holds_pair(redact, text);
}

/* Hits that were none, before there may be something in doubt: each can look far ahead. */
#define VAIN_MOST 32

__attribute__((noinline)) static bool begins_secret(const struct redact *redact, struct slice text,
                                                    size_t at)
{
    return raw_word(redact, text, at) || redact_shape_at(text, at) || redact_part_at(text, at);
}

/* From the sieve's first hit on, which ends at `end`. */
__attribute__((noinline)) static bool is_quiet_from(const struct redact *redact, struct slice text,
                                                    size_t end, uint64_t state)
{
    unsigned vain = 0;
    for (; end != 0; end = next_hit(redact, text, end, redact->stops, &state)) {
        if (state & REDACT_SIEVE_ESCAPE)
            return false;
        if (state & of_short(redact) && raw_word(redact, text, end - redact->begun))
            return false;
        if (state & REDACT_SIEVE_HITS &&
            (++vain > VAIN_MOST || begins_secret(redact, text, end - REDACT_SIEVE_BYTES)))
            return false;
    }
    return true;
}

/* Not inlined, because what follows where something is to be hidden goes deep. Every request comes
 * here, and nearly none goes on: so without a frame. */
__attribute__((noinline)) bool redact_words_quiet(const struct redact *redact, struct slice text)
{
    const uint64_t stops = redact->stops;
    const char *end = text.at + text.length;
    uint64_t now = 0;
    for (const char *at = text.at; at != end;) {
        now = (now * 2 + REDACT_SIEVE_STARTS) & redact->sieve[(unsigned char)*at++];
        if (now & stops)
            return is_quiet_from(redact, text, (size_t)(at - text.at), now);
    }
    return true;
}

bool redact_words_shapeless(const struct redact *redact, struct slice text)
{
    uint64_t state = 0;
    unsigned vain = 0;
    for (size_t end = 0; (end = next_hit(redact, text, end, REDACT_SIEVE_HITS, &state)) != 0;)
        if (++vain > VAIN_MOST || redact_shape_at(text, end - REDACT_SIEVE_BYTES))
            return false;
    return true;
}
