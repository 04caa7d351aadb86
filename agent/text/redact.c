// SPDX-License-Identifier: Apache-2.0
#include "agent/text/redact.h"

#include "agent/base/sha256.h"
#include "agent/text/redact_prose.h"
#include "agent/text/redact_shape.h"
#include "agent/text/redact_words.h"

static const char *const fixed_headers[] = {
#define REDACT_KEY(name)
#define REDACT_PART(name)
#define REDACT_HEADER(name) name,
#include "agent/text/redact_keys.def"
#undef REDACT_KEY
#undef REDACT_PART
#undef REDACT_HEADER
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define HEX_DIGITS  16 /* of a hash */
#define SHAPES_MOST 12 /* secrets by shape in a text; the last hides all that is behind it */

_Static_assert(REDACT_BYTES <= UINT16_MAX, "a place in a text has 16 bits");

/* ---- writing ---- */

/* A copy that begins only when something has to be hidden. It lies behind what it writes, because
 * the stack may be small. */
struct edit {
    const struct redact *redact;
    struct slice in;
    size_t copied; /* bytes of `in` that are in `out` or were replaced */
    char *out;
    size_t capacity;
    size_t used;
    bool changed;
    uint8_t shape;  /* the next to hide */
    uint8_t shapes; /* secrets by their shape, found before anything is hidden */
    struct {
        uint16_t from;
        uint16_t to;
    } extents[SHAPES_MOST];
    char separator;
    size_t from;   /* of the pair that is looked at */
    size_t equals; /* its `=`, or its end */
    size_t part;   /* its end, at a `;` */
    size_t end;    /* at the separator */
    size_t to;     /* of all pairs */
    struct sha256 sha256;
};

_Static_assert(sizeof(struct edit) + _Alignof(struct edit) - 1 <= REDACT_WORK_BYTES, "it fits");

static void put(struct edit *edit, const char *text, size_t length)
{
    size_t room = edit->capacity - edit->used;
    size_t fits = length < room ? length : room;
    if (fits)
        memcpy(edit->out + edit->used, text, fits);
    edit->used += fits;
}

/* What stands for in.at[from..to), which is then behind us. True, so that who hides and says so has
 * no frame below what is done here: the stack may be small. */
__attribute__((noinline)) static bool put_mark(struct edit *edit, size_t from, size_t to)
{
    edit->changed = true;
    edit->copied = to;
    if (!edit->redact->hash) {
        put(edit, "REDACTED", 8);
        return true;
    }
    sha256_in(&edit->sha256, (struct slice){edit->in.at + from, to - from});
    char *hex = (char *)edit->sha256.tail;
    for (size_t i = 0; i < HEX_DIGITS; i++)
        hex[i] = "0123456789abcdef"[edit->sha256.digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
    put(edit, hex, HEX_DIGITS);
    return true;
}

/* The next secret by its shape that begins before `to`, hidden with what is before it copied. */
static bool hide_shape(struct edit *edit, size_t to)
{
    while (edit->shape < edit->shapes && edit->extents[edit->shape].to <= edit->copied)
        edit->shape++;
    if (edit->shape == edit->shapes || edit->extents[edit->shape].from >= to)
        return false;
    size_t from = edit->extents[edit->shape].from;
    if (from < edit->copied)
        from = edit->copied;
    put(edit, edit->in.at + edit->copied, from - edit->copied);
    return put_mark(edit, from, edit->extents[edit->shape].to);
}

/* All of them, first: what looks for them goes deep, and so does what hides. */
__attribute__((noinline)) static struct edit *find_shapes(struct edit *edit)
{
    size_t at = 0;
    while (edit->shapes < SHAPES_MOST) {
        struct redact_extent found = redact_shape_find(edit->in, at, edit->in.length);
        if (found.from == found.to)
            break;
        at = found.to;
        edit->extents[edit->shapes].from = (uint16_t)found.from;
        edit->extents[edit->shapes++].to = (uint16_t)found.to;
    }
    if (edit->shapes == SHAPES_MOST)
        edit->extents[SHAPES_MOST - 1].to = (uint16_t)edit->in.length;
    return edit;
}

__attribute__((noinline)) static void copy_until(struct edit *edit, size_t to)
{
    while (edit->copied < to && hide_shape(edit, to))
        continue;
    if (edit->copied < to) {
        put(edit, edit->in.at + edit->copied, to - edit->copied);
        edit->copied = to;
    }
}

__attribute__((noinline)) static bool hide(struct edit *edit, size_t from, size_t to)
{
    if (from == to)
        return true;
    copy_until(edit, from);
    if (edit->copied >= to)
        return true; /* what it is in has been hidden */
    return put_mark(edit, from, to);
}

static void hide_user(struct edit *edit, size_t from, size_t to)
{
    static const char mark[] = "REDACTED:REDACTED@";
    copy_until(edit, from);
    put(edit, mark, sizeof mark - 1);
    edit->changed = true;
    edit->copied = to;
}

static bool full(const struct edit *edit)
{
    return edit->changed && edit->used == edit->capacity;
}

static struct slice finish(struct edit *edit)
{
    if (!edit->changed && !hide_shape(edit, edit->in.length))
        return edit->in;
    copy_until(edit, edit->in.length);
    return (struct slice){edit->out, edit->used};
}

static struct edit *begin(const struct redact *redact, struct slice in, char *out, size_t capacity)
{
    capacity -= REDACT_WORK_BYTES;
    uintptr_t work = (uintptr_t)(out + capacity) + _Alignof(struct edit) - 1;
    struct edit *edit = (struct edit *)(work & -(uintptr_t) _Alignof(struct edit));
    edit->redact = redact;
    edit->in = in;
    if (in.length > REDACT_BYTES)
        edit->in.length = REDACT_BYTES; /* work must be bounded */
    edit->copied = 0;
    edit->out = out;
    edit->capacity = capacity;
    edit->used = 0;
    edit->changed = false;
    edit->shape = 0;
    edit->shapes = 0;
    return find_shapes(edit);
}

/* ---- the grammar ---- */

static struct slice between(const struct edit *edit, size_t from, size_t to)
{
    return (struct slice){edit->in.at + from, to - from};
}

__attribute__((noinline)) static size_t until(const struct edit *edit, size_t from, size_t to,
                                              char c)
{
    return from + slice_find(between(edit, from, to), c);
}

/* `key=value` or `key` up to `part`. Where something is hidden, that reaches to `end`: if the
 * application takes no `;` as a separator, the value does. True then. */
static bool redact_pair(struct edit *edit)
{
    edit->equals = until(edit, edit->from, edit->part, '=');
    if (redact_words_secret(edit->redact, between(edit, edit->from, edit->equals))) {
        hide(edit, edit->from, edit->end);
        return true;
    }
    if (edit->equals == edit->part)
        return false;
    if (redact_key(edit->redact, between(edit, edit->from, edit->equals)) ||
        redact_words_secret(edit->redact, between(edit, edit->equals + 1, edit->part))) {
        hide(edit, edit->equals + 1, edit->end);
        return true;
    }
    return false;
}

/* Pairs between from and to, separated by `separator` or `;`. */
__attribute__((noinline)) static void redact_pairs(struct edit *edit, size_t from, size_t to,
                                                   char separator)
{
    edit->separator = separator;
    edit->to = to;
    for (edit->from = from; edit->from < edit->to && !full(edit); edit->from = edit->end + 1) {
        edit->end = until(edit, edit->from, edit->to, edit->separator);
        for (; edit->from < edit->end; edit->from = edit->part + 1) {
            edit->part = until(edit, edit->from, edit->end, ';');
            if (redact_pair(edit))
                break;
        }
    }
}

/* Not inlined, here and below: who calls it last has no frame any more. */
__attribute__((noinline)) static void redact_path_on(struct edit *edit, size_t from)
{
    if (from == edit->in.length || redact_words_quiet(edit->redact, slice_after(edit->in, from)))
        return;
    size_t hash = until(edit, from, edit->in.length, '#');
    size_t query = until(edit, from, hash, '?');
    if (redact_words_user(between(edit, from, query)))
        hide(edit, from, query);
    else if (until(edit, from, query, '=') < query)
        redact_pairs(edit, from, query, '/');
    if (query < hash)
        redact_pairs(edit, query + 1, hash, '&');
    if (hash < edit->in.length)
        redact_pairs(edit, hash + 1, edit->in.length, '&');
}

static bool scheme_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
}

/* Where the authority begins, or in.length where there is none. */
static size_t authority_start(struct slice in)
{
    for (size_t i = 0; i + 2 < in.length; i++) {
        if (in.at[i] == ':' && in.at[i + 1] == '/' && in.at[i + 2] == '/')
            return i + 3;
        if (!scheme_character(in.at[i]))
            break;
    }
    if (slice_starts(in, SLICE_LITERAL("//")))
        return 2;
    bool local = in.length == 0 || in.at[0] == '/' || in.at[0] == '?' || in.at[0] == '#';
    return local ? in.length : 0;
}

static bool is_port(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return text.length <= 5;
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
    return colon == authority.length || is_port(slice_after(authority, colon + 1));
}

__attribute__((noinline)) static void redact_url_on(struct edit *edit)
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
        hide_user(edit, start, at);
    if (!plausible_authority((struct slice){in.at + at, end - at})) {
        hide(edit, at, in.length);
        return;
    }
    redact_path_on(edit, end);
}

struct slice redact_query(const struct redact *redact, struct slice query, char *out,
                          size_t capacity)
{
    struct edit *edit = begin(redact, query, out, capacity);
    if (!redact_words_quiet(redact, edit->in))
        redact_pairs(edit, 0, edit->in.length, '&');
    return finish(edit);
}

__attribute__((noinline)) static struct slice
redact_unquiet_target(const struct redact *redact, struct slice target, char *out, size_t capacity)
{
    struct edit *edit = begin(redact, target, out, capacity);
    redact_path_on(edit, 0);
    return finish(edit);
}

struct slice redact_target(const struct redact *redact, struct slice target, char *out,
                           size_t capacity)
{
    if (target.length <= REDACT_BYTES && redact_words_quiet(redact, target))
        return target;
    return redact_unquiet_target(redact, target, out, capacity);
}

struct slice redact_url(const struct redact *redact, struct slice url, char *out, size_t capacity)
{
    struct edit *edit = begin(redact, url, out, capacity);
    redact_url_on(edit);
    return finish(edit);
}

__attribute__((noinline)) static bool secret_header(const struct redact *redact, struct slice name)
{
    for (size_t i = 0; i < COUNT(fixed_headers); i++)
        if (slice_equal_nocase(name, slice_of(fixed_headers[i])))
            return true;
    return redact_key(redact, name);
}

__attribute__((noinline)) static void redact_value_on(struct edit *edit)
{
    if (edit->in.length && authority_start(edit->in) > 0)
        redact_url_on(edit);
    else if (redact_words_secret(edit->redact, edit->in))
        hide(edit, 0, edit->in.length);
}

/* Apart, because few values have anything to look at, and who asks has a frame of its own. */
__attribute__((noinline)) static struct slice
redact_unquiet_value(const struct redact *redact, struct slice value, char *out, size_t capacity)
{
    struct edit *edit = begin(redact, value, out, capacity);
    redact_value_on(edit);
    return finish(edit);
}

/* Where nothing secret begins, marks say nothing (`rv:109.0` of a browser), but those of a host and
 * its port. */
__attribute__((noinline)) static bool is_quiet_value(const struct redact *redact,
                                                     struct slice value)
{
    size_t start = authority_start(value);
    return (start == 0 || start == value.length) && redact_words_quiet(redact, value);
}

struct slice redact_value(const struct redact *redact, struct slice value, char *out,
                          size_t capacity)
{
    if (value.length <= REDACT_BYTES &&
        (redact_prose(redact, value) || is_quiet_value(redact, value)))
        return value;
    return redact_unquiet_value(redact, value, out, capacity);
}

__attribute__((noinline)) static struct slice
redact_unquiet_text(const struct redact *redact, struct slice text, char *out, size_t capacity)
{
    struct edit *edit = begin(redact, text, out, capacity);
    return finish(edit);
}

struct slice redact_text(const struct redact *redact, struct slice text, char *out, size_t capacity)
{
    if (text.length < REDACT_SHAPE_LEAST ||
        (slice_find(text, '%') == text.length && text.length <= REDACT_BYTES &&
         redact_words_shapeless(redact, text)))
        return text;
    return redact_unquiet_text(redact, text, out, capacity);
}

__attribute__((noinline)) static struct slice
hide_all(const struct redact *redact, struct slice value, char *out, size_t capacity)
{
    struct edit *edit = begin(redact, value, out, capacity);
    hide(edit, 0, edit->in.length);
    return finish(edit);
}

struct slice redact_header(const struct redact *redact, struct slice name, struct slice value,
                           char *out, size_t capacity)
{
    if (secret_header(redact, name))
        return hide_all(redact, value, out, capacity);
    return redact_value(redact, value, out, capacity);
}
