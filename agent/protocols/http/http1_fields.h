// SPDX-License-Identifier: Apache-2.0
/* http1_fields.h - the header section of an HTTP/1.x message (RFC 9112, section 5).
 *
 * One pass over the lines finds where the section ends and notes the fields that the caller wants
 * of those that the agent knows (http1_fields.def); any other field is found by walking the lines
 * again, which only those pay who asked for it. Names and values are slices of the caller's bytes.
 *
 * Lenient, because what counts is what the observed program made of the bytes: a bare LF ends a
 * line, folded lines belong to the value before them, a line without a colon is passed over. */
#ifndef AGENT_HTTP1_FIELDS_H
#define AGENT_HTTP1_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/parse.h"
#include "agent/base/slice.h"
#include "agent/span/carrier.h"

enum http1_field {
#define HTTP1_FIELD(identifier, letter, name) HTTP1_FIELD_##identifier,
#include "agent/protocols/http/http1_fields.def"
#undef HTTP1_FIELD
    HTTP1_FIELD_COUNT
};

/* In lower case. */
extern const struct slice http1_field_names[HTTP1_FIELD_COUNT];

/* What makes it unclear where a stranger's message ends. */
enum http1_doubt {
    /* A space stands between the name and the colon of a field that decides the framing. Some
     * programs honour such a line, some ignore it (RFC 9112, 5.1). */
    HTTP1_DOUBT_SPACE = 1,
    /* A line of such a field is folded. Some programs join its lines, some ignore all but the first
     * (RFC 9112, 5.2). */
    HTTP1_DOUBT_FOLD = 2,
    /* A CR that no LF follows. Some programs take it for a line end, or for the end of the head,
     * some for a space or any other byte (RFC 9112, 2.2). Noted where HTTP1_WANT_DOUBTS asks. */
    HTTP1_DOUBT_CR = 4
};

struct http1_fields {
    struct slice lines; /* all field lines, the blank line not included */
    size_t length;      /* bytes, with the blank line */
    uint64_t names; /* a bit of http1_name_bit() for every line's name: what is not there surely */
    uint32_t present;  /* a bit 1 << field: wanted, and there */
    uint32_t repeated; /* the same: more lines of that name follow */
    uint32_t doubts;   /* enum http1_doubt */
    /* Of the first line of that name; unspecified where it is not present, but those of a carrier
     * are absent then. So use http1_field(). */
    struct slice value[HTTP1_FIELD_COUNT];
};

/* The value of the first line of that name, without white space at both ends; absent where there is
 * none, or it was not wanted. */
static inline struct slice http1_field(const struct http1_fields *fields, enum http1_field field)
{
    return fields->present >> field & 1 ? fields->value[field] : SLICE_NONE;
}

static inline bool http1_has_field(const struct http1_fields *fields, enum http1_field field)
{
    return fields->present >> field & 1;
}

#define HTTP1_NAME_SIEVED 4 /* bytes: shorter names have no bit of their own */

/* Letters in lower case as one of 64 rows. The factor gives each beginning that the table's names
 * have a row of its own (the compiler refuses a second `case`), and tells them from what heads are
 * full of. */
#define HTTP1_ROW_FACTOR UINT32_C(0xefc8811d)
#define HTTP1_ROW(a, b, c, d)                                                                      \
    (((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24) *            \
         HTTP1_ROW_FACTOR >>                                                                       \
     26)

/* The row of a name that begins with these four bytes, in any case. */
static inline unsigned http1_row(const char *name)
{
    uint32_t letters;
    memcpy(&letters, name, sizeof letters);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    letters = __builtin_bswap32(letters);
#endif
    return (letters | UINT32_C(0x20202020)) * HTTP1_ROW_FACTOR >> 26;
}

/* The bits under which a name of at least one byte has to be looked for: a sieve for those who look
 * for few names among many lines. */
static inline uint64_t http1_name_bit(struct slice name)
{
    return name.length < HTTP1_NAME_SIEVED ? UINT64_MAX : UINT64_C(1) << http1_row(name.at);
}

/* ---- what a caller wants: any of these ---- */

/* A field. Those whose names begin with the same four letters come with it. */
static inline uint64_t http1_want(enum http1_field field)
{
    switch (field) {
#define HTTP1_FIELD(identifier, letter, name)                                                      \
    case HTTP1_FIELD_##identifier:                                                                 \
        return UINT64_C(1) << http1_row(name);
#include "agent/protocols/http/http1_fields.def"
#undef HTTP1_FIELD
    default:
        return 0;
    }
}

#define HTTP1_WANT_DOUBTS (UINT64_C(1) << 63) /* bare CRs; no field of the table has this row */
#define HTTP1_WANT_FRAMING                                                                         \
    (http1_want(HTTP1_FIELD_CONTENT_LENGTH) | http1_want(HTTP1_FIELD_TRANSFER_ENCODING))
#define HTTP1_WANT_CARRIER (http1_want(HTTP1_FIELD_TRACEPARENT) | http1_want(HTTP1_FIELD_BAGGAGE))
#define HTTP1_WANT_ALL     UINT64_MAX

/* Parses field lines up to and including the blank line that ends them. OK: every slice lies within
 * `bytes`. MORE: no blank line yet, and *fields is unspecified. Never BAD: a line that is no field
 * is passed over. `begin`: from there on bytes may be read, too; the start line is
 * before bytes.at, so one of them is. */
enum parse http1_parse_fields(struct slice bytes, const char *begin, uint64_t wanted,
                              struct http1_fields *fields);

/* Takes the next field line off *lines (start with a copy of fields.lines). The value is without
 * white space at both ends; inside, line ends and spaces of folded lines are left. False at the
 * end. */
bool http1_next_field(struct slice *lines, struct slice *name, struct slice *value);

/* The same for the lines of one known field: for those with a `repeated` bit. */
bool http1_next_value(struct slice *lines, enum http1_field field, struct slice *value);

/* The lines of a field that is there, in order. 0 where there are more than `most`: nobody
 * sends so many, and half of them would be wrong. */
size_t http1_lines(const struct http1_fields *fields, enum http1_field field, struct slice *lines,
                   size_t most);

size_t http1_carrier_lines(const struct slice *values, enum carrier_field field,
                           struct slice *lines, size_t most);

/* The fields as what propagators read from. Lives no longer than *fields. */
static inline struct carrier http1_carrier(const struct http1_fields *fields)
{
#define CARRIER_FIELD(identifier, letter, name)                                                    \
    _Static_assert((int)HTTP1_FIELD_##identifier == (int)CARRIER_##identifier, "they come first");
#include "agent/span/carrier_fields.def"
#undef CARRIER_FIELD
    return (struct carrier){fields->value, http1_carrier_lines, fields->repeated};
}

/* Takes the next element off a comma-separated list (RFC 9110, 5.6.1); elements may be empty.
 * False at the end. Commas in quoted strings are not told apart: for lists of tokens only. */
bool http1_next_element(struct slice *list, struct slice *element);

/* Does any line of that field list this token, in any case ("close", "100-continue")? */
bool http1_lists(const struct http1_fields *fields, enum http1_field field, struct slice token);

#endif
