// SPDX-License-Identifier: Apache-2.0
#include "agent/redact.h"

#include "agent/percent.h"
#include "agent/sha256.h"

static const char *const fixed_keys[] = {
#define REDACT_KEY(name) name,
#define REDACT_HEADER(name)
#include "agent/redact_keys.def"
#undef REDACT_KEY
#undef REDACT_HEADER
};

static const char *const fixed_headers[] = {
#define REDACT_KEY(name)
#define REDACT_HEADER(name) name,
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
static bool holds_user(struct slice text)
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

static bool holds_secret(const struct redact *redact, struct slice text)
{
    return holds_pair(redact, text) || holds_user(text);
}

/* ---- writing ---- */

/* A copy that begins only when something has to be hidden. */
struct edit {
    const struct redact *redact;
    struct slice in;
    size_t copied; /* bytes of `in` that are in `out` or were replaced */
    char *out;
    size_t capacity;
    size_t used;
    bool changed;
};

static void put(struct edit *edit, const char *text, size_t length)
{
    size_t room = edit->capacity - edit->used;
    size_t fits = length < room ? length : room;
    if (fits)
        memcpy(edit->out + edit->used, text, fits);
    edit->used += fits;
}

static void replace(struct edit *edit, size_t from, size_t to, struct slice text)
{
    put(edit, edit->in.at + edit->copied, from - edit->copied);
    put(edit, text.at, text.length);
    edit->copied = to;
    edit->changed = true;
}

static void hide(struct edit *edit, size_t from, size_t to)
{
    if (from == to)
        return;
    if (!edit->redact->hash) {
        replace(edit, from, to, SLICE_LITERAL("REDACTED"));
        return;
    }
    uint8_t digest[SHA256_BYTES];
    char hex[16];
    sha256((struct slice){edit->in.at + from, to - from}, digest);
    for (size_t i = 0; i < sizeof hex; i++)
        hex[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
    replace(edit, from, to, (struct slice){hex, sizeof hex});
}

static bool full(const struct edit *edit)
{
    return edit->changed && edit->used == edit->capacity;
}

static struct slice finish(struct edit *edit)
{
    if (!edit->changed)
        return edit->in;
    put(edit, edit->in.at + edit->copied, edit->in.length - edit->copied);
    return (struct slice){edit->out, edit->used};
}

static struct edit begin(const struct redact *redact, struct slice in, char *out, size_t capacity)
{
    return (struct edit){.redact = redact, .in = in, .out = out, .capacity = out ? capacity : 0};
}

/* ---- the grammar ---- */

static size_t until(struct slice in, size_t from, size_t to, char c)
{
    return from + slice_find((struct slice){in.at + from, to - from}, c);
}

/* `key=value` or `key` at from..to. Where something is hidden, that reaches to `end`: if the
 * application takes no `;` as a separator, the value does. True then. */
static bool redact_pair(struct edit *edit, size_t from, size_t to, size_t end)
{
    size_t equals = until(edit->in, from, to, '=');
    struct slice key = {edit->in.at + from, equals - from};
    struct slice value = {edit->in.at + equals, to - equals};
    if (holds_secret(edit->redact, key)) {
        hide(edit, from, end);
        return true;
    }
    if (equals == to)
        return false;
    if (redact_key(edit->redact, key) || holds_secret(edit->redact, slice_after(value, 1))) {
        hide(edit, equals + 1, end);
        return true;
    }
    return false;
}

/* Pairs between from and to, separated by `separator` or `;`. */
static void redact_pairs(struct edit *edit, size_t from, size_t to, char separator)
{
    while (from < to && !full(edit)) {
        size_t end = until(edit->in, from, to, separator);
        while (from < end) {
            size_t part = until(edit->in, from, end, ';');
            if (redact_pair(edit, from, part, end))
                break;
            from = part + 1;
        }
        from = end + 1;
    }
}

static void redact_path_on(struct edit *edit, size_t from)
{
    if (from == edit->in.length)
        return;
    size_t hash = until(edit->in, from, edit->in.length, '#');
    size_t query = until(edit->in, from, hash, '?');
    if (holds_user((struct slice){edit->in.at + from, query - from}))
        hide(edit, from, query);
    else if (until(edit->in, from, query, '=') < query)
        redact_pairs(edit, from, query, '/');
    if (query < hash)
        redact_pairs(edit, query + 1, hash, '&');
    if (hash < edit->in.length)
        redact_pairs(edit, hash + 1, edit->in.length, '&');
}

/* Where the authority begins, or in.length where there is none. */
static size_t authority_start(struct slice in)
{
    for (size_t i = 0; i + 2 < in.length; i++) {
        if (in.at[i] == ':' && in.at[i + 1] == '/' && in.at[i + 2] == '/')
            return i + 3;
        char c = slice_lower(in.at[i]);
        if (!alphanumeric(c) && c != '+' && c != '-' && c != '.')
            break;
    }
    if (slice_starts(in, SLICE_LITERAL("//")))
        return 2;
    bool local = in.length == 0 || in.at[0] == '/' || in.at[0] == '?' || in.at[0] == '#';
    return local ? in.length : 0;
}

static bool only_digits(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return true;
}

/* Whether this can be host and port. `user:pa` of a URL cut short, or of a password with a slash in
 * it, can't, and a header may go on with other things than a path. */
static bool plausible_authority(struct slice authority)
{
    for (size_t i = 0; i < authority.length; i++)
        if ((unsigned char)authority.at[i] <= ' ' || authority.at[i] == '=')
            return false;
    if (authority.length && authority.at[0] == '[') {
        size_t close = slice_find(authority, ']');
        if (close == authority.length || close > 64)
            return false;
        authority = slice_after(authority, close);
    }
    size_t colon = slice_find(authority, ':');
    return colon == authority.length || only_digits(slice_after(authority, colon + 1));
}

static void redact_url_on(struct edit *edit)
{
    struct slice in = edit->in;
    size_t start = authority_start(in);
    if (start == in.length) {
        redact_path_on(edit, 0);
        return;
    }
    size_t end = start;
    while (end < in.length && in.at[end] != '/' && in.at[end] != '?' && in.at[end] != '#')
        end++;
    size_t at = end;
    while (at > start && in.at[at - 1] != '@')
        at--;
    if (at > start)
        replace(edit, start, at, SLICE_LITERAL("REDACTED:REDACTED@"));
    if (!plausible_authority((struct slice){in.at + at, end - at})) {
        hide(edit, at, in.length);
        return;
    }
    redact_path_on(edit, end);
}

struct slice redact_query(const struct redact *redact, struct slice query, char *out,
                          size_t capacity)
{
    struct edit edit = begin(redact, query, out, capacity);
    redact_pairs(&edit, 0, query.length, '&');
    return finish(&edit);
}

struct slice redact_target(const struct redact *redact, struct slice target, char *out,
                           size_t capacity)
{
    struct edit edit = begin(redact, target, out, capacity);
    redact_path_on(&edit, 0);
    return finish(&edit);
}

struct slice redact_url(const struct redact *redact, struct slice url, char *out, size_t capacity)
{
    struct edit edit = begin(redact, url, out, capacity);
    redact_url_on(&edit);
    return finish(&edit);
}

static bool secret_header(const struct redact *redact, struct slice name)
{
    for (size_t i = 0; i < COUNT(fixed_headers); i++)
        if (slice_equal_nocase(name, slice_of(fixed_headers[i])))
            return true;
    return redact_key(redact, name);
}

struct slice redact_header(const struct redact *redact, struct slice name, struct slice value,
                           char *out, size_t capacity)
{
    struct edit edit = begin(redact, value, out, capacity);
    size_t start = authority_start(value);
    if (secret_header(redact, name))
        hide(&edit, 0, value.length);
    else if (value.length && (start > 0 || value.at[0] == '/'))
        redact_url_on(&edit);
    else if (holds_secret(redact, value))
        hide(&edit, 0, value.length);
    return finish(&edit);
}
