// SPDX-License-Identifier: Apache-2.0
#include "agent/text/route.h"

#include "agent/base/percent.h"
#include "agent/text/route_segment.h"

static bool holds(struct slice text, struct slice part)
{
    for (; text.length >= part.length; text = slice_after(text, 1))
        if (slice_starts(text, part))
            return true;
    return false;
}

static bool has_open_brace(struct slice pattern)
{
    for (;;) {
        pattern = slice_after(pattern, slice_find(pattern, '{'));
        if (!pattern.length)
            return false;
        size_t close = slice_find(pattern, '}');
        if (close == pattern.length || slice_find(pattern, '/') < close)
            return true;
        pattern = slice_after(pattern, close);
    }
}

static bool has_dot_segment(struct slice pattern)
{
    return holds(pattern, SLICE_LITERAL("/./")) || holds(pattern, SLICE_LITERAL("/../")) ||
           slice_ends(pattern, SLICE_LITERAL("/.")) || slice_ends(pattern, SLICE_LITERAL("/.."));
}

/* Why a pattern is of no use; NULL where it is. */
static const char *fault_of(const struct route_patterns *patterns, struct slice pattern)
{
    if (pattern.at[0] != '/')
        return "a pattern begins with '/'";
    if (pattern.length > ROUTE_BYTES)
        return "a pattern has at most 256 bytes";
    if (slice_find(pattern, '?') < pattern.length || slice_find(pattern, '#') < pattern.length)
        return "a pattern is a path, without query and fragment";
    if (holds(pattern, SLICE_LITERAL("//")) || has_dot_segment(pattern))
        return "a pattern has no empty segments, '.' or '..'";
    if (has_open_brace(pattern))
        return "a '{' has its '}' in the same segment";
    return patterns->count == ROUTE_PATTERNS ? "there are at most 256 patterns" : NULL;
}

_Static_assert(ROUTE_BYTES == 256 && ROUTE_PATTERNS == 256, "as the messages say");

struct faults route_patterns_init(struct route_patterns *patterns, const struct config *config)
{
    patterns->count = 0;
    struct faults faults = {.count = 0};
    struct slice list = slice_of(config->http_routes);
    while (list.length) {
        struct slice pattern = slice_take_part(&list, ',');
        if (!pattern.length)
            continue;
        const char *reason = fault_of(patterns, pattern);
        if (!reason)
            patterns->list[patterns->count++] = pattern;
        else
            faults_add(&faults, pattern, reason);
    }
    return faults;
}

/* ---- the path as applications see it ---- */

struct path {
    char *text; /* ROUTE_PATH_BYTES */
    size_t length;
    bool cut;
    bool dots; /* a segment is `.` or `..` */
};

/* -1: none. */
static bool is_unreserved(int byte)
{
    if (byte < 0 || byte >= 0x80)
        return false;
    char c = slice_lower((char)byte);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

/* Words of letters and [-_.] shorter than this are never values: too short for a token and, without
 * digits, for a hash (route_segment.c). */
#define WORD_BYTES 16

enum { LETTER = 1, MARK = 2, SLASH = 4 };

static const unsigned char classes[256] = {
    ['a' ... 'z'] = LETTER, ['A' ... 'Z'] = LETTER, ['-'] = MARK,
    ['_'] = MARK,           ['.'] = MARK,           ['/'] = SLASH,
};

/* A path that takes no thought, as most are: slashes and short words with a letter in each (which
 * "." and ".." have not). It is normal, and it is its own route. */
static bool is_plain(struct slice raw)
{
    size_t slash = 0; /* the last one */
    unsigned seen = 0;
    for (size_t i = 1; i < raw.length; i++) {
        unsigned class = classes[(unsigned char)raw.at[i]];
        if (class == 0)
            return false;
        if (class == SLASH) {
            if (!(seen & LETTER) || i - slash > WORD_BYTES)
                return false;
            slash = i;
            seen = 0;
            continue;
        }
        seen |= class;
    }
    bool ends_with_slash = slash + 1 == raw.length;
    return ends_with_slash || (seen & LETTER && raw.length - slash <= WORD_BYTES);
}

/* Looks for dot segments as a path goes by. */
struct dots {
    size_t dots;
    bool other; /* than dots, in this segment */
    bool found;
};

static void dots_end(struct dots *dots)
{
    dots->found |= !dots->other && (dots->dots == 1 || dots->dots == 2);
    dots->dots = 0;
    dots->other = false;
}

/* `escaped`: the byte that an escape stands for, else -1. */
static void dots_take(struct dots *dots, char c, int escaped)
{
    if (c == '/' || c == '\\' || escaped == '/' || escaped == '\\')
        dots_end(dots);
    else if (c == '.')
        dots->dots++;
    else
        dots->other = true;
}

/* Without query, path parameters and repeated slashes; escapes that RFC 3986, 6.2.2.2 calls
 * needless are undone. */
static void normalise(struct slice raw, struct path *path)
{
    path->length = 0;
    path->cut = false;
    struct dots dots = {.dots = 0};
    bool parameter = false;
    size_t i = 0;
    size_t escape_end = 0;
    while (i < raw.length && raw.at[i] != '?' && raw.at[i] != '#') {
        char c = raw.at[i];
        int byte = c == '%' ? percent_pair(raw, i + 1) : -1;
        bool needless = is_unreserved(byte);
        if (byte >= 0)
            escape_end = i + 3;
        bool within = i < escape_end && c != '%'; /* digits of an escape that stays */
        i += needless ? 3 : 1;
        c = needless ? (char)byte : c;
        if (c == '/')
            parameter = false;
        else if (c == ';')
            parameter = true;
        if (!parameter && !within)
            dots_take(&dots, c, byte);
        if (parameter || (c == '/' && path->length && path->text[path->length - 1] == '/'))
            continue;
        path->cut |= path->length == ROUTE_PATH_BYTES;
        if (!path->cut)
            path->text[path->length++] = c;
    }
    dots_end(&dots);
    path->dots = dots.found;
}

/* ---- patterns ---- */

/* One item of a pattern's segment: a literal character, or a wildcard for at least `least`. */
struct item {
    size_t length; /* in the pattern */
    size_t least;
    bool wild;
};

static struct item item_at(struct slice pattern)
{
    if (pattern.at[0] == '*')
        return (struct item){.length = 1, .wild = true};
    size_t close = slice_find(pattern, '}');
    if (pattern.at[0] == '{' && close < pattern.length)
        return (struct item){.length = close + 1, .least = 1, .wild = true};
    return (struct item){.length = 1};
}

/* Segment against segment. Only the last wildcard is ever tried again, so the work is at most the
 * product of the lengths. */
static bool segment_matches(struct slice pattern, struct slice text)
{
    struct slice retry_pattern = SLICE_NONE;
    struct slice retry_text = SLICE_NONE;
    for (;;) {
        struct item item = pattern.length ? item_at(pattern) : (struct item){0};
        if (item.wild && text.length >= item.least) {
            pattern = slice_after(pattern, item.length);
            text = slice_after(text, item.least);
            retry_pattern = pattern;
            retry_text = text;
        } else if (pattern.length && !item.wild && text.length && pattern.at[0] == text.at[0]) {
            pattern = slice_after(pattern, 1);
            text = slice_after(text, 1);
        } else if (!pattern.length && !text.length) {
            return true;
        } else if (retry_pattern.at && retry_text.length) {
            retry_text = slice_after(retry_text, 1);
            text = retry_text;
            pattern = retry_pattern;
        } else {
            return false;
        }
    }
}

/* The segment at the front, without its slash; both texts begin with one. */
static struct slice next_segment(struct slice *text)
{
    struct slice rest = slice_after(*text, 1);
    size_t length = slice_find(rest, '/');
    *text = slice_after(rest, length);
    return (struct slice){rest.at, length};
}

static bool pattern_matches(struct slice pattern, struct slice path, bool cut)
{
    while (pattern.length && path.length) {
        struct slice wanted = next_segment(&pattern);
        if (!pattern.length && slice_ends(wanted, SLICE_LITERAL("*"))) {
            /* The rest of the path, as far as it is known, is one long last segment. */
            return segment_matches(wanted, slice_after(path, 1));
        }
        struct slice found = next_segment(&path);
        if (!segment_matches(wanted, found))
            return false;
    }
    return !pattern.length && !path.length && !cut;
}

/* ---- the heuristic ---- */

struct writer {
    char *out;
    size_t capacity;
    size_t used;
    bool full;
};

static void put(struct writer *writer, struct slice text)
{
    if (text.length > writer->capacity - writer->used) {
        writer->full = true;
        return;
    }
    if (text.length)
        memcpy(writer->out + writer->used, text.at, text.length);
    writer->used += text.length;
}

static void put_segment(struct writer *writer, struct slice segment)
{
    struct slice extension = route_segment_extension(segment);
    struct slice stem = {segment.at, segment.length - extension.length};
    if (!stem.length || !route_segment_is_value(stem)) {
        put(writer, segment);
        return;
    }
    put(writer, SLICE_LITERAL("{id}"));
    put(writer, extension);
}

/* The route written to `out`; SLICE_NONE where there is none. */
static struct slice guess(struct slice path, char *out, size_t capacity)
{
    struct writer writer = {.capacity = capacity < ROUTE_BYTES ? capacity : ROUTE_BYTES};
    writer.out = out;
    while (path.length && !writer.full) {
        put(&writer, SLICE_LITERAL("/"));
        put_segment(&writer, next_segment(&path));
    }
    return writer.full ? SLICE_NONE : (struct slice){out, writer.used};
}

/* What patterns and shapes make of a path, found in `found`: true where that is final. Apart,
 * because few paths need it all and its frame has not to lie above what comes after it. */
__attribute__((noinline)) static bool judge(const struct route_patterns *patterns, struct slice raw,
                                            bool plain, char *out, size_t capacity,
                                            char scratch[ROUTE_PATH_BYTES], struct slice *found)
{
    struct path normal = {0};
    normal.text = scratch;
    struct slice path = raw;
    *found = SLICE_NONE;
    if (!plain) {
        normalise(raw, &normal);
        if (normal.dots)
            return true;
        path = (struct slice){normal.text, normal.length};
        normal.cut |= raw.length > ROUTE_WHOLE_BYTES;
    }
    for (size_t i = 0; i < patterns->count; i++)
        if (pattern_matches(patterns->list[i], path, normal.cut)) {
            *found = patterns->list[i];
            return true;
        }
    if (!normal.cut)
        *found = plain ? raw : guess(path, out, capacity);
    return !found->at;
}

_Static_assert(ROUTE_TREE_SCRATCH_BYTES <= ROUTE_PATH_BYTES, "it is free by then");

struct slice route_of(const struct route_patterns *patterns, struct route_tree *tree,
                      struct slice raw, bool admit, char *out, size_t capacity,
                      char scratch[ROUTE_PATH_BYTES])
{
    if (!raw.length || raw.at[0] != '/')
        return SLICE_NONE;
    bool plain = raw.length <= capacity && raw.length <= ROUTE_BYTES && is_plain(raw);
    struct slice route = raw;
    if ((!plain || patterns->count) && judge(patterns, raw, plain, out, capacity, scratch, &route))
        return route;
    if (!route_set_has(&tree->names, route))
        route = route_tree_name(tree, route, admit, scratch);
    return slice_equal(route, raw) ? raw : route;
}
