// SPDX-License-Identifier: Apache-2.0
#include "agent/text/stored_key.h"

#include "agent/text/route_segment.h"

#define RUN_LEAST    16 /* letters and digits that no word has */
#define RANDOM_LEAST 8

enum sort { SEPARATOR, LOWER, UPPER, DIGIT, MARK, STRANGE };

/* What base64 and addresses are made of belongs to a segment, and makes it no word. */
static enum sort sort_of(char c)
{
    if (c >= 'a' && c <= 'z')
        return LOWER;
    if (c >= 'A' && c <= 'Z')
        return UPPER;
    if (c >= '0' && c <= '9')
        return DIGIT;
    if (c == '-' || c == '_')
        return MARK;
    if ((unsigned char)c < ' ' || (unsigned char)c >= 0x7f || strchr("@=+%~", c))
        return STRANGE;
    return SEPARATOR;
}

struct mix {
    uint16_t counts[STRANGE + 1];
    uint16_t longest; /* run of letters and digits */
    uint16_t changes; /* places where a capital or a digit begins */
};

static struct mix mix_of(struct slice segment)
{
    struct mix mix = {.longest = 0};
    uint16_t run = 0;
    enum sort before = SEPARATOR;
    for (size_t i = 0; i < segment.length; i++) {
        enum sort sort = sort_of(segment.at[i]);
        mix.counts[sort]++;
        if (sort != before && (sort == UPPER || sort == DIGIT))
            mix.changes++;
        run = sort == MARK ? 0 : (uint16_t)(run + 1);
        if (run > mix.longest)
            mix.longest = run;
        before = sort;
    }
    return mix;
}

/* Short and random: letters and digits take turns, or capitals and small letters. */
static bool is_mixed(const struct mix *mix, size_t length)
{
    if (length < RANDOM_LEAST)
        return false;
    bool letters = mix->counts[LOWER] || mix->counts[UPPER];
    return (mix->counts[DIGIT] && letters && (size_t)mix->changes * 3 >= length) ||
           (mix->counts[LOWER] && mix->counts[UPPER] && (size_t)mix->changes * 2 >= length);
}

bool stored_key_is_secret(struct slice segment)
{
    if (!segment.length)
        return false;
    struct mix mix = mix_of(segment);
    if (mix.longest >= RUN_LEAST || mix.counts[STRANGE])
        return true;
    if ((size_t)mix.counts[DIGIT] + mix.counts[MARK] == segment.length)
        return segment.length >= RUN_LEAST; /* 42, 2024-01-31 */
    return route_segment_is_value(segment) || is_mixed(&mix, segment.length);
}

/* ---- words behind which everything is hidden ---- */

static bool starts_nocase(struct slice text, struct slice prefix)
{
    return text.length >= prefix.length &&
           slice_equal_nocase((struct slice){text.at, prefix.length}, prefix);
}

/* Bytes of the word that begins the text; 0: none does. The longest forms come first. */
static size_t word_at(struct slice text)
{
#define WORD(word)                                                                                 \
    {                                                                                              \
        word, sizeof(word) - 1                                                                     \
    }
    static const struct slice words[] = {
        WORD("sessions"), WORD("session"),        WORD("sess"),          WORD("tokens"),
        WORD("token"),    WORD("authentication"), WORD("authorization"), WORD("authors"),
        WORD("author"),   WORD("auths"),          WORD("auth"),
    };
#undef WORD
    char first = text.length ? slice_lower(text.at[0]) : 0;
    if (first != 's' && first != 't' && first != 'a')
        return 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (starts_nocase(text, words[i]))
            return words[i].length;
    return 0;
}

/* Where in the segment the word that tells of a secret ends; 0: there is none. */
static size_t word_end(const struct redact *redact, struct slice segment)
{
    for (size_t i = 0; i < segment.length; i++) {
        size_t length = word_at(slice_after(segment, i));
        if (length)
            return i + length;
    }
    return redact && segment.length && redact_key(redact, segment) ? segment.length : 0;
}

/* ---- a key ---- */

struct shown {
    char *out;
    size_t length;
    bool hidden;
};

static void show(struct shown *shown, struct slice text)
{
    if (text.length)
        memcpy(shown->out + shown->length, text.at, text.length);
    shown->length += text.length;
}

static void hide(struct shown *shown)
{
    shown->out[shown->length++] = '?';
    shown->hidden = true;
}

static size_t segment_length(struct slice key)
{
    size_t length = 0;
    while (length < key.length && sort_of(key.at[length]) != SEPARATOR)
        length++;
    return length;
}

static void show_segment(struct shown *shown, struct slice segment, bool cut)
{
    if (cut || stored_key_is_secret(segment))
        hide(shown);
    else
        show(shown, segment);
}

/* The rest of a key behind such a word: a mark that parts them, and no more. */
static void show_behind(struct shown *shown, struct slice rest, bool cut)
{
    enum sort sort = rest.length ? sort_of(rest.at[0]) : STRANGE;
    if (sort == SEPARATOR || sort == MARK) {
        show(shown, (struct slice){rest.at, 1});
        rest = slice_after(rest, 1);
    }
    if (rest.length || cut)
        hide(shown);
}

size_t stored_key_show(const struct redact *redact, struct slice key, bool cut,
                       char out[STORED_KEY_BYTES], bool *hidden)
{
    struct shown shown = {.hidden = false};
    shown.out = out;
    while (key.length) {
        struct slice segment = {key.at, segment_length(key)};
        size_t word = word_end(redact, segment);
        if (word) {
            show_segment(&shown, (struct slice){segment.at, word}, false);
            show_behind(&shown, slice_after(key, word), cut);
            break;
        }
        bool last = segment.length == key.length;
        if (segment.length || (last && cut))
            show_segment(&shown, segment, last && cut);
        key = slice_after(key, segment.length);
        if (!key.length)
            break;
        show(&shown, (struct slice){key.at, 1});
        key = slice_after(key, 1);
        if (!key.length && cut)
            hide(&shown);
    }
    *hidden |= shown.hidden;
    return shown.length;
}
