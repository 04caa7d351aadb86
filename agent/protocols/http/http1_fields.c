// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/http1_fields.h"

#include "agent/base/http1_scan.h"

#define BIT(field) (1U << (field))

_Static_assert(HTTP1_FIELD_COUNT <= 32, "a bit a field");
#define HTTP1_FIELD(identifier, letter, name)                                                      \
    _Static_assert(sizeof(name) > HTTP1_NAME_SIEVED, "they have a row");
#include "agent/protocols/http/http1_fields.def"
#undef HTTP1_FIELD

const struct slice http1_field_names[HTTP1_FIELD_COUNT] = {
#define HTTP1_FIELD(identifier, letter, name) {name, sizeof(name) - 1},
#include "agent/protocols/http/http1_fields.def"
#undef HTTP1_FIELD
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_fold(char c)
{
    return (unsigned char)c <= ' ' && (is_blank(c) || c == '\r' || c == '\n');
}

/* White space and the line ends of folded lines, which RFC 9112, 5.2 lets a reader take for
 * spaces. */
static inline struct slice trim_folds(const char *at, const char *end)
{
    while (at < end && is_fold(*at))
        at++;
    while (at < end && is_fold(end[-1]))
        end--;
    return (struct slice){at, (size_t)(end - at)};
}

/* Words of a name, compared without regard to case: a letter differs from its capital in bit
 * 0x20, and of the bytes of our names only letters have bit 0x40, so the mask is made from the
 * name, and for a constant name by the compiler. */
static inline bool word_is(const char *at, const char *lower)
{
    uint64_t have;
    uint64_t want;
    memcpy(&have, at, sizeof have);
    memcpy(&want, lower, sizeof want);
    return (have | ((want & 0x4040404040404040U) >> 1)) == want;
}

static inline bool half_word_is(const char *at, const char *lower)
{
    uint32_t have;
    uint32_t want;
    memcpy(&have, at, sizeof have);
    memcpy(&want, lower, sizeof want);
    return (have | ((want & 0x40404040U) >> 1)) == want;
}

/* The last word overlaps the one before it, so that nothing past the name is read. */
__attribute__((always_inline)) static inline bool name_is(const char *at, const char *lower,
                                                          size_t length)
{
    if (length < 8)
        return half_word_is(at, lower) && half_word_is(at + length - 4, lower + length - 4);
    for (size_t i = 0; i + 8 < length; i += 8)
        if (!word_is(at + i, lower + i))
            return false;
    return word_is(at + length - 8, lower + length - 8);
}

/* Those of the table's names, which the compiler computes. */
static inline uint64_t known_rows(void)
{
    uint64_t rows = 0;
#define HTTP1_FIELD(identifier, letter, name) rows |= http1_want(HTTP1_FIELD_##identifier);
#include "agent/protocols/http/http1_fields.def"
#undef HTTP1_FIELD
    return rows;
}

/* A name of the table. */
struct known {
    enum http1_field field;
    size_t length; /* bytes */
};

struct field_line {
    const char *name;
    const char *colon;    /* NULL: not a field */
    const char *line_end; /* the LF after the last folded line */
};

/* From the LF that ends a line to the one after its last folded line that is there; NULL: not
 * there yet. */
static inline const char *end_of_folds(const char *line_end, const char *end)
{
    while (line_end != NULL && line_end + 1 < end && is_blank(line_end[1]))
        line_end = scan_byte(line_end + 1, end, '\n');
    return line_end;
}

/* One field line with the folded lines after it that are there: in a complete head, all of them.
 * MORE: the line has no end yet. */
static inline enum parse find_line(const char *at, const char *end, struct field_line *line)
{
    line->name = at;
    line->line_end = NULL;
    line->colon = scan_either(at, end, ':', '\n');
    if (line->colon == NULL)
        return PARSE_MORE;
    line->line_end = line->colon;
    if (*line->colon == '\n')
        line->colon = NULL;
    else
        line->line_end = scan_byte(line->colon, end, '\n');
    line->line_end = end_of_folds(line->line_end, end);
    return line->line_end != NULL ? PARSE_OK : PARSE_MORE;
}

/* False for a line with a colon that is no field: nothing before it, or a space first, which is
 * what RFC 9112, 2.2 has a reader skip after the start line. */
static inline bool name_of(const struct field_line *line, struct slice *name)
{
    if (line->colon == line->name || is_blank(line->name[0]))
        return false;
    const char *name_end = line->colon;
    while (is_blank(name_end[-1]))
        name_end--;
    *name = (struct slice){line->name, (size_t)(name_end - line->name)};
    return true;
}

static struct slice value_of(const struct field_line *line)
{
    return trim_folds(line->colon + 1, line->line_end);
}

/* ---- one pass over the lines ---- */

#define FRAMING (BIT(HTTP1_FIELD_CONTENT_LENGTH) | BIT(HTTP1_FIELD_TRANSFER_ENCODING))

/* Notes the field of a line behind which there are other bytes. */
__attribute__((noinline)) static void note_any(struct http1_fields *fields, struct known known,
                                               const char *at, const char *line_end,
                                               const char *end)
{
    const char *colon = at + known.length;
    const uint32_t bit = BIT(known.field);
    bool folded = is_blank(line_end[1]);
    bool spaced = *colon != ':';
    while (is_blank(*colon))
        colon++;
    if (*colon != ':')
        return;
    if (bit & FRAMING)
        fields->doubts |= (spaced ? HTTP1_DOUBT_SPACE : 0U) | (folded ? HTTP1_DOUBT_FOLD : 0U);
    if (fields->present & bit) {
        fields->repeated |= bit;
        return;
    }
    const char *last = end_of_folds(line_end, end);
    fields->present |= bit;
    fields->value[known.field] = trim_folds(colon + 1, last != NULL ? last : end);
}

/* False for what a fold begins with, and for few other bytes. */
static inline bool may_begin_name(char c)
{
    return (c & ~(' ' | '\t')) != 0;
}

/* The same. Nearly all come once, have one space behind the colon and a CR at the end, and nothing
 * else that would have to be trimmed. */
__attribute__((always_inline)) static inline void note_known(struct http1_fields *fields,
                                                             struct known known, const char *at,
                                                             const char *line_end, const char *end)
{
    const char *colon = at + known.length;
    const char *value = colon + 2;
    const char *value_end = line_end - 1;
    const uint32_t bit = BIT(known.field);
    if (__builtin_expect(memcmp(colon, ": ", 2) == 0 && (unsigned char)*value > ' ' &&
                             *value_end == '\r' && (unsigned char)value_end[-1] > ' ' &&
                             may_begin_name(line_end[1]) && !(fields->present & bit),
                         true)) {
        fields->present |= bit;
        fields->value[known.field] = (struct slice){value, (size_t)(value_end - value)};
        return;
    }
    note_any(fields, known, at, line_end, end);
}

/* A line that may begin with that name: then a colon is behind it, at the latest where the line
 * ends. */
#define HTTP1_FIELD(identifier, letter, name)                                                      \
    __attribute__((always_inline)) static inline void note_##identifier(                           \
        struct http1_fields *fields, const char *at, const char *line_end, const char *end)        \
    {                                                                                              \
        const size_t bytes = sizeof(name) - 1;                                                     \
        if ((size_t)(line_end - at) > bytes && name_is(at, name, bytes))                           \
            note_known(fields, (struct known){HTTP1_FIELD_##identifier, bytes}, at, line_end,      \
                       end);                                                                       \
    }
#include "agent/protocols/http/http1_fields.def"
#undef HTTP1_FIELD

/* The letter in that place; 0: the line ends before it. */
static inline int letter_at(const char *at, size_t length, size_t place)
{
    return place < length ? at[place] | 0x20 : 0;
}

/* A line of HTTP1_NAME_SIEVED bytes or more whose row is wanted; it may still have any name. */
__attribute__((always_inline)) static inline void
note_field(struct http1_fields *fields, const char *at, const char *line_end, const char *end)
{
    size_t length = (size_t)(line_end - at);
    switch (http1_row(at)) {
    case HTTP1_ROW('b', 'a', 'g', 'g'):
        note_BAGGAGE(fields, at, line_end, end);
        return;
    case HTTP1_ROW('c', 'o', 'n', 'n'):
        note_CONNECTION(fields, at, line_end, end);
        return;
    case HTTP1_ROW('c', 'o', 'n', 't'):
        if (letter_at(at, length, 8) == 'l')
            note_CONTENT_LENGTH(fields, at, line_end, end);
        else
            note_CONTENT_TYPE(fields, at, line_end, end);
        return;
    case HTTP1_ROW('e', 'x', 'p', 'e'):
        note_EXPECT(fields, at, line_end, end);
        return;
    case HTTP1_ROW('f', 'o', 'r', 'w'):
        note_FORWARDED(fields, at, line_end, end);
        return;
    case HTTP1_ROW('h', 'o', 's', 't'):
        note_HOST(fields, at, line_end, end);
        return;
    case HTTP1_ROW('t', 'r', 'a', 'c'):
        if (letter_at(at, length, 5) == 'p')
            note_TRACEPARENT(fields, at, line_end, end);
        else
            note_TRACESTATE(fields, at, line_end, end);
        return;
    case HTTP1_ROW('t', 'r', 'a', 'n'):
        note_TRANSFER_ENCODING(fields, at, line_end, end);
        return;
    case HTTP1_ROW('u', 'p', 'g', 'r'):
        note_UPGRADE(fields, at, line_end, end);
        return;
    case HTTP1_ROW('u', 's', 'e', 'r'):
        note_USER_AGENT(fields, at, line_end, end);
        return;
    case HTTP1_ROW('x', '-', 'f', 'o'):
        switch (letter_at(at, length, 12)) {
        case 'f':
            note_X_FORWARDED_FOR(fields, at, line_end, end);
            return;
        case 'h':
            note_X_FORWARDED_HOST(fields, at, line_end, end);
            return;
        default:
            note_X_FORWARDED_PROTO(fields, at, line_end, end);
            return;
        }
    default:
        return;
    }
}

static inline void clear(struct http1_fields *fields)
{
    fields->present = 0;
    fields->repeated = 0;
    fields->doubts = 0;
    memset(fields->value, 0, CARRIER_FIELDS * sizeof *fields->value);
}

/* Apart, because where there seemed to be one, there is one, or a stranger's bytes behind the head.
 */
__attribute__((cold, noinline)) static void note_bare_crs(struct http1_fields *fields)
{
    const char *end = fields->lines.at + fields->lines.length;
    for (const char *at = fields->lines.at; at < end; at++)
        if (*at == '\r' && at[1] != '\n') /* the blank line is behind the last */
            fields->doubts |= HTTP1_DOUBT_CR;
}

/* Of the next block. */
static inline uint64_t find_line_ends(const char *begin, const char *block, const char *end,
                                      bool doubts, unsigned *bare)
{
    return doubts ? scan_line_ends(begin, block, end, bare)
                  : scan_line_ends(begin, block, end, NULL);
}

enum line { LINE_FIELD, LINE_FOLDED, LINE_BLANK };

/* Of one that begins with a space or a control character: a space begins a folded line, or what
 * RFC 9112, 2.2 has a reader skip behind the start line; others are part of a name. */
static inline enum line odd_line(const char *at, const char *line_end, struct slice bytes)
{
    if (line_end == at || (*at == '\r' && line_end == at + 1))
        return LINE_BLANK;
    return is_blank(*at) && at != bytes.at ? LINE_FOLDED : LINE_FIELD;
}

enum parse http1_parse_fields(struct slice bytes, const char *begin, uint64_t wanted,
                              struct http1_fields *fields)
{
    const char *at = bytes.at;
    const char *const end = bytes.at + bytes.length;
    const bool doubts = wanted & HTTP1_WANT_DOUBTS;
    const char *block = at;
    unsigned bare = 0;
    uint64_t line_ends = find_line_ends(begin, block, end, doubts, &bare);
    uint64_t names = 0; /* not in memory, line by line */

    wanted &= known_rows();
    clear(fields);
    for (;;) {
        while (__builtin_expect(line_ends == 0, false)) {
            if (end - block <= SCAN_BLOCK)
                return PARSE_MORE;
            block += SCAN_BLOCK;
            line_ends = find_line_ends(begin, block, end, doubts, &bare);
        }
        const char *line_end = block + __builtin_ctzll(line_ends);
        line_ends &= line_ends - 1;
        if (__builtin_expect((unsigned char)*at <= ' ', false)) {
            enum line line = odd_line(at, line_end, bytes);
            if (line == LINE_BLANK) {
                fields->names = names;
                fields->lines = (struct slice){bytes.at, (size_t)(at - bytes.at)};
                fields->length = (size_t)(line_end + 1 - bytes.at);
                if (__builtin_expect(bare != 0, false))
                    note_bare_crs(fields);
                return PARSE_OK;
            }
            if (line == LINE_FOLDED) {
                at = line_end + 1;
                continue;
            }
        }
        /* A field's name, a colon, and the two line ends behind it are more than that. */
        if (__builtin_expect((uintptr_t)at + HTTP1_NAME_SIEVED >= (uintptr_t)end, false)) {
            names |= 1;
            at = line_end + 1;
            continue;
        }
        uint64_t row = http1_row(at);
        names |= UINT64_C(1) << row;
        if (__builtin_expect(wanted >> row & 1, false)) {
            if (line_end + 1 == end)
                return PARSE_MORE;
            note_field(fields, at, line_end, end);
        }
        at = line_end + 1;
    }
}

/* The section was seen to be complete, so a line without an end is the last one (a caller's own
 * lines may lack it). */
bool http1_next_field(struct slice *lines, struct slice *name, struct slice *value)
{
    while (lines->length != 0) {
        const char *end = lines->at + lines->length;
        struct field_line line;
        if (find_line(lines->at, end, &line) != PARSE_OK)
            line.line_end = end;
        bool found = line.colon != NULL && name_of(&line, name);
        if (found)
            *value = value_of(&line);
        *lines = line.line_end < end ? slice_after(*lines, (size_t)(line.line_end + 1 - lines->at))
                                     : (struct slice){end, 0};
        if (found)
            return true;
    }
    return false;
}

bool http1_next_value(struct slice *lines, enum http1_field field, struct slice *value)
{
    struct slice name;
    while (http1_next_field(lines, &name, value))
        if (slice_equal_nocase(name, http1_field_names[field]))
            return true;
    return false;
}

size_t http1_lines(const struct http1_fields *fields, enum http1_field field, struct slice *lines,
                   size_t most)
{
    if ((fields->repeated & BIT(field)) == 0) {
        lines[0] = http1_field(fields, field);
        return 1;
    }
    size_t count = 0;
    struct slice rest = fields->lines;
    struct slice line;
    while (http1_next_value(&rest, field, &line)) {
        if (count == most)
            return 0;
        lines[count++] = line;
    }
    return count;
}

size_t http1_carrier_lines(const struct slice *values, enum carrier_field field,
                           struct slice *lines, size_t most)
{
    const char *fields = (const char *)values - offsetof(struct http1_fields, value);
    return http1_lines((const struct http1_fields *)(const void *)fields, (enum http1_field)field,
                       lines, most);
}

bool http1_next_element(struct slice *list, struct slice *element)
{
    if (list->at == NULL)
        return false;
    size_t comma = slice_find(*list, ',');
    *element = trim_folds(list->at, list->at + comma);
    *list = comma < list->length ? slice_after(*list, comma + 1) : SLICE_NONE;
    return true;
}

static bool value_lists(struct slice list, struct slice token)
{
    struct slice element;
    while (http1_next_element(&list, &element))
        if (slice_equal_nocase(element, token))
            return true;
    return false;
}

bool http1_lists(const struct http1_fields *fields, enum http1_field field, struct slice token)
{
    if ((fields->repeated & BIT(field)) == 0)
        return value_lists(http1_field(fields, field), token);
    struct slice lines = fields->lines;
    struct slice value;
    while (http1_next_value(&lines, field, &value))
        if (value_lists(value, token))
            return true;
    return false;
}
