// SPDX-License-Identifier: Apache-2.0
#include "agent/text/route_segment.h"

#include "agent/base/percent.h"

/* What a segment is made of. */
struct shape {
    size_t digits;
    size_t longest_digits; /* in a row */
    size_t lower;
    size_t upper;
    size_t separators; /* - _ . */
    size_t changes;    /* places where a capital or a digit begins */
    size_t strange;    /* anything else: escapes, '@', ':', '=', UTF-8 */
};

static struct shape shape_of(struct slice text)
{
    struct shape shape = {0};
    size_t row = 0;
    char before = 0; /* class of the character before: 'u', 'd' or another */
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        char class = 0;
        if (c >= '0' && c <= '9') {
            class = 'd';
            shape.digits++;
        } else if (c >= 'A' && c <= 'Z') {
            class = 'u';
            shape.upper++;
        } else if (c >= 'a' && c <= 'z') {
            shape.lower++;
        } else if (c == '-' || c == '_' || c == '.') {
            shape.separators++;
        } else if (!(c == '$' && i == 0)) { /* OData: $metadata */
            shape.strange++;
        }
        row = class == 'd' ? row + 1 : 0;
        if (row > shape.longest_digits)
            shape.longest_digits = row;
        shape.changes += class && class != before;
        before = class;
    }
    return shape;
}

bool route_segment_is_version(struct slice text)
{
    if (text.length < 2 || text.length > 8 || slice_lower(text.at[0]) != 'v')
        return false;
    for (size_t i = 1; i < text.length; i++)
        if (!(text.at[i] >= '0' && text.at[i] <= '9') && text.at[i] != '.')
            return false;
    return text.at[1] != '.';
}

/* Letters and digits mixed as no language does: base64, ULIDs, nano ids, JWTs. camelCase changes
 * class once a word, random text about every third character. */
static bool is_token(struct slice text, const struct shape *shape)
{
    if (text.length < 16)
        return false;
    if (shape->digits && shape->changes * 4 >= text.length)
        return true;
    bool letters_and_digits = shape->digits && shape->lower + shape->upper;
    if (letters_and_digits && !shape->separators)
        return text.length >= 20;
    return text.length >= 24 && shape->upper * 4 >= text.length && shape->lower;
}

static bool is_hash(struct slice text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (percent_hex(text.at[i]) < 0)
            return false;
        digits += text.at[i] >= '0' && text.at[i] <= '9';
    }
    return text.length >= 16 || (text.length >= 8 && digits);
}

/* main.8a7f6e5d, avatar-4f3a2b1c, a UUID */
static bool has_hash(struct slice text)
{
    while (text.length) {
        size_t end = 0;
        while (end < text.length && text.at[end] != '-' && text.at[end] != '_' &&
               text.at[end] != '.')
            end++;
        if (is_hash((struct slice){text.at, end}))
            return true;
        text = slice_after(text, end < text.length ? end + 1 : end);
    }
    return false;
}

bool route_segment_is_value(struct slice text)
{
    if (route_segment_is_version(text))
        return false;
    if (text.length > 64)
        return true;
    struct shape shape = shape_of(text);
    if (shape.strange)
        return true;
    if (shape.digits && shape.digits + shape.separators == text.length)
        return true; /* 42, 2024-01-31, 10.0.0.1 */
    if (has_hash(text))
        return true;
    if (shape.longest_digits >= 5 || (text.length >= 5 && shape.digits * 2 > text.length))
        return true; /* order-12345, 20240131T1200Z, A123-4 */
    return is_token(text, &shape);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_plain(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

struct slice route_segment_extension(struct slice segment)
{
    struct slice none = {segment.at + segment.length, 0};
    size_t dot = 0; /* where the extension's first letter stands */
    bool letter = false;
    for (size_t i = 0; i < segment.length; i++) {
        if (!is_plain(segment.at[i]))
            return none; /* jane@example.com has none */
        if (segment.at[i] == '.') {
            dot = i + 1;
            letter = false;
        }
        letter |= is_letter(segment.at[i]);
    }
    size_t length = segment.length - dot;
    bool found = dot >= 2 && length <= 5 && letter;
    if (!found || slice_find(slice_after(segment, dot), '-') < length ||
        slice_find(slice_after(segment, dot), '_') < length)
        return none;
    return slice_after(segment, dot - 1);
}

/* ---- what one segment alone does not tell ---- */

static bool is_placeholder(struct slice segment)
{
    return slice_starts(segment, SLICE_LITERAL("{id}"));
}

static struct slice extension_of(struct slice segment)
{
    return is_placeholder(segment) ? slice_after(segment, sizeof "{id}" - 1)
                                   : route_segment_extension(segment);
}

static bool is_of_file(struct slice extension)
{
    static const char known[][6] = {
        "js",  "mjs",  "cjs", "jsx", "ts",   "tsx",  "vue",  "css", "scss",  "less", "map",  "png",
        "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico",  "bmp", "woff2", "woff", "ttf",  "otf",
        "eot", "mp3",  "mp4", "m4a", "m4s",  "m3u8", "webm", "ogg", "ogv",   "wav",  "wasm",
    };
    for (size_t i = 0; extension.length && i < sizeof known / sizeof known[0]; i++)
        if (slice_equal_nocase(slice_after(extension, 1), slice_of(known[i])))
            return true;
    return false;
}

struct slice route_segment_file_extension(struct slice segment)
{
    struct slice extension = extension_of(segment);
    return is_of_file(extension) ? extension : SLICE_NONE;
}

/* Random letters have more capitals than camelCase, and four consonants in a row as few words; no
 * program has many pages with digits, in capitals, or of three words and more, at one place. */
static bool is_doubtful(struct slice text)
{
    size_t digits = 0;
    size_t upper = 0;
    size_t lower = 0;
    size_t consonants = 0; /* in a row; four are enough */
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        char low = slice_lower(c);
        bool letter = low >= 'a' && low <= 'z';
        digits += c >= '0' && c <= '9';
        upper += letter && c != low;
        lower += letter && c == low;
        if (consonants < 4)
            consonants = letter && !strchr("aeiouy", low) ? consonants + 1 : 0;
    }
    size_t separators = text.length - digits - upper - lower;
    return digits || (upper && (!lower || upper * 3 >= text.length)) || consonants == 4 ||
           separators > 1 || text.length > 24;
}

enum route_kind route_segment_kind(struct slice segment, bool last)
{
    if (!segment.length || slice_equal(segment, SLICE_LITERAL("{id}")))
        return ROUTE_FIXED;
    struct slice extension = extension_of(segment);
    if (last && is_of_file(extension))
        return ROUTE_FILE;
    if (is_placeholder(segment))
        return ROUTE_DOUBTFUL;
    struct slice stem = {segment.at, segment.length - extension.length};
    return is_doubtful(stem) && !route_segment_is_version(stem) ? ROUTE_DOUBTFUL : ROUTE_WORD;
}
