// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/http1_fields.h"

#include "agent/base/http1_scan.h"

#define BIT(field) (1U << (field))

/* Length and first letter as one of 32 rows, dense enough for a table of jumps. The factor keeps
 * the names of the table apart (the compiler refuses a second `case`). */
#define ROW(length, letter) (((length)*22 + (letter)) % 32)

_Static_assert(HTTP1_FIELD_COUNT <= 32, "`repeated` has 32 bits");
#define HTTP1_FIELD(identifier, letter, name)                                                      \
    _Static_assert(sizeof(name) > 4, "name_is reads four bytes at once");
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

/* HTTP1_FIELD_COUNT: not one of the table's. */
__attribute__((always_inline)) static inline enum http1_field recognise(struct slice name)
{
    if (name.length == 0)
        return HTTP1_FIELD_COUNT;
    switch (ROW(name.length, (unsigned char)(name.at[0] | 0x20))) {
#define HTTP1_FIELD(identifier, letter, text)                                                      \
    case ROW(sizeof(text) - 1, letter):                                                            \
        return name.length == sizeof(text) - 1 && name_is(name.at, text, sizeof(text) - 1)         \
                   ? HTTP1_FIELD_##identifier                                                      \
                   : HTTP1_FIELD_COUNT;
#include "agent/protocols/http/http1_fields.def"
#undef HTTP1_FIELD
    default:
        return HTTP1_FIELD_COUNT;
    }
}

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

/* Only recognised fields pay for their value. */
static inline void note_field(struct http1_fields *fields, const struct field_line *line)
{
    struct slice name;
    if (line->colon == NULL || !name_of(line, &name))
        return;
    enum http1_field field = recognise(name);
    if (field == HTTP1_FIELD_COUNT)
        return;
    if ((field == HTTP1_FIELD_CONTENT_LENGTH || field == HTTP1_FIELD_TRANSFER_ENCODING) &&
        name.at + name.length != line->colon)
        fields->unclear_framing = true;
    if (fields->value[field].at == NULL)
        fields->value[field] = value_of(line);
    else
        fields->repeated |= BIT(field);
}

/* The sieve for the table, which the compiler computes. */
static inline uint64_t known_names(void)
{
    uint64_t bits = 0;
#define HTTP1_FIELD(identifier, letter, name) bits |= http1_name_bit_of((name)[0], (name)[2]);
#include "agent/protocols/http/http1_fields.def"
#undef HTTP1_FIELD
    return bits;
}

/* One by one, because for a memset() of this size compilers choose `rep stos`, which takes longer
 * to begin than all of this. */
static inline void clear(struct http1_fields *fields)
{
#define HTTP1_FIELD(identifier, letter, name) fields->value[HTTP1_FIELD_##identifier] = SLICE_NONE;
#include "agent/protocols/http/http1_fields.def"
#undef HTTP1_FIELD
    fields->lines = SLICE_NONE;
    fields->repeated = 0;
    fields->unclear_framing = false;
}

/* Only lines that may be of the table pay for their name. (What else the sieve lets through is
 * told by its name: a line with no colon, or with one before its third byte, is in no table.) */
enum parse http1_parse_fields(struct slice bytes, struct http1_fields *fields, size_t *length)
{
    const char *at = bytes.at;
    const char *end = bytes.at + bytes.length;
    uint64_t names = 0; /* not in memory, line by line */

    clear(fields);
    while (end - at >= HTTP1_NAME_SIEVED) {
        if (*at <= '\r' && scan_line_end(at, end) != 0)
            break;
        uint64_t bit = http1_name_bit_of(at[0], at[2]);
        names |= bit;
        struct field_line line;
        if (bit & known_names()) {
            if (find_line(at, end, &line) != PARSE_OK)
                return PARSE_MORE;
            note_field(fields, &line);
        } else {
            line.line_end = end_of_folds(scan_byte(at, end, '\n'), end);
            if (line.line_end == NULL)
                return PARSE_MORE;
        }
        at = line.line_end + 1;
    }
    /* A shorter rest has no room for a line and the blank one after it. */
    size_t blank = scan_line_end(at, end);
    fields->names = names;
    fields->lines = (struct slice){bytes.at, (size_t)(at - bytes.at)};
    *length = fields->lines.length + blank;
    return blank != 0 ? PARSE_OK : PARSE_MORE;
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
        if (recognise(name) == field)
            return true;
    return false;
}

size_t http1_lines(const struct http1_fields *fields, enum http1_field field, struct slice *lines,
                   size_t most)
{
    if ((fields->repeated & BIT(field)) == 0) {
        lines[0] = fields->value[field];
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
        return value_lists(fields->value[field], token);
    struct slice lines = fields->lines;
    struct slice value;
    while (http1_next_value(&lines, field, &value))
        if (value_lists(value, token))
            return true;
    return false;
}
