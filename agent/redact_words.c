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
static unsigned char folded(unsigned char c)
{
    return c == '-' || c == '.' || c == '+' || c == ' ' ? '_' : (unsigned char)slice_lower((char)c);
}

static bool alphanumeric(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Any character of an escape may be escaped itself: `%70`, `%2570` and `%25%37%30` are a `p`. */
static char take(struct slice *text, enum depth depth)
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

/* ---- words ---- */

/* Five bits of each character tell most of them apart. */
static size_t pair_of(unsigned char first, unsigned char second)
{
    return (size_t)(first & 31) << 5 | (second & 31);
}

static void add_pair(struct redact *redact, size_t pair)
{
    redact->pairs[pair / 64] |= UINT64_C(1) << (pair % 64);
}

static bool has_pair(const struct redact *redact, unsigned char first, unsigned char second)
{
    size_t pair = pair_of(first, second);
    return redact->pairs[pair / 64] >> (pair % 64) & 1;
}

/* The sieve. A bit for each of a word's first characters says what may stand there in some word; so
 * a word may begin where the characters have the bits one after the other. That lets through more
 * than the words themselves, but rarely anything, and costs a load and three steps a character. */
#define SIEVE_BYTES  3
#define SIEVE_ESCAPE 0x80 /* `%`, `@`: then there is more to look at than words as they stand */

static void fill_sieve(struct redact *redact)
{
    redact->begun = SIEVE_BYTES;
    for (size_t i = 0; i < redact->count; i++)
        if (redact->words[i].length < redact->begun)
            redact->begun = redact->words[i].length;
    unsigned char of_folded[256] = {0};
    for (size_t i = 0; i < redact->count; i++)
        for (unsigned at = 0; at < redact->begun; at++)
            of_folded[redact->words[i].text[at]] |= (unsigned char)(1u << at);
    for (unsigned c = 0; c < 256; c++)
        redact->sieve[c] = of_folded[redact->fold[c]];
    redact->sieve['%'] |= SIEVE_ESCAPE;
    redact->sieve['@'] |= SIEVE_ESCAPE;
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
    if (word->length > 1)
        add_pair(redact, pair_of(word->text[0], word->text[1]));
    else
        for (unsigned char any = 0; any < 32; any++)
            add_pair(redact, pair_of(word->text[0], any));
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
        size_t comma = slice_find(list, ',');
        struct slice word = slice_trim((struct slice){list.at, comma});
        if (word.length && !add_word(redact, word, false))
            left_out++;
        list = slice_after(list, comma < list.length ? comma + 1 : comma);
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
    if (!has_pair(redact, c, fold_at(redact, text, at + 1)))
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
 * *state: bit n: the n characters before, and this, may begin a word; and the escape's bit. */
static inline size_t next_hit(const struct redact *redact, struct slice text, size_t at,
                              unsigned stop, unsigned *state)
{
    unsigned now = *state;
    while (at < text.length) {
        now = (now * 2 + (SIEVE_ESCAPE | 1)) & redact->sieve[(unsigned char)text.at[at++]];
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
    const unsigned stop = 1u << (redact->begun - 1);
    unsigned state = 0;
    for (size_t end = 0; (end = next_hit(redact, text, end, stop, &state)) != 0;) {
        size_t at = end - redact->begun;
        const struct redact_word *word = raw_word(redact, text, at);
        if (word)
            return text.at + at + word->length;
    }
    return NULL;
}

/* A character of a text that is read as decoded, folded, and where the next one begins; 0 at the
 * end. It comes in registers: what is read goes to several places at a time, and redaction may
 * happen on a small stack. */
struct taken {
    const char *next;
    unsigned char c;
};

__attribute__((noinline)) static struct taken
take_folded(const struct redact *redact, const char *at, const char *end, enum depth depth)
{
    struct slice left = {at, (size_t)(end - at)};
    if (!left.length)
        return (struct taken){at, 0};
    unsigned char c = redact->fold[(unsigned char)take(&left, depth)];
    return (struct taken){left.at, c};
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
        if (has_pair(redact, one.c, second.c))
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

/* Without an escape all depths read the same. */
static int depths(struct slice text)
{
    return slice_find(text, '%') == text.length ? DEPTH_RAW + 1 : DEPTH_COUNT;
}

__attribute__((noinline)) bool redact_key(const struct redact *redact, struct slice key)
{
    int end = depths(key);
    for (int depth = DEPTH_RAW; depth < end; depth++)
        if (find_word(redact, key, (enum depth)depth))
            return true;
    return false;
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
 * `bare`: also one after a `:` with no space between, as in `user:password@host`. */
__attribute__((noinline)) static bool holds_user(struct slice text, bool bare)
{
    int end = depths(text);
    for (int depth = DEPTH_RAW; depth < end; depth++) {
        int matched = 0; /* characters of "://" seen */
        bool colon = false;
        for (struct slice left = text; left.length;) {
            char c = take_at(&left, (enum depth)depth);
            if (c == '@' && (matched == 3 || colon))
                return true;
            if (matched < 3)
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
    return (user && holds_user(text, true)) || holds_pair(redact, text);
}

/* Not inlined, because what follows where something is to be hidden goes deep. */
__attribute__((noinline)) bool redact_words_quiet(const struct redact *redact, struct slice text)
{
    const unsigned stop = 1u << (redact->begun - 1) | SIEVE_ESCAPE;
    unsigned state = 0;
    for (size_t end = 0; (end = next_hit(redact, text, end, stop, &state)) != 0;)
        if (state & SIEVE_ESCAPE || raw_word(redact, text, end - redact->begun))
            return false;
    return true;
}
