// SPDX-License-Identifier: Apache-2.0
/* http1_fields.h - the header section of an HTTP/1.x message (RFC 9112, section 5).
 *
 * One pass over the lines finds where the section ends and notes the fields that the agent
 * itself needs (http1_fields.def); any other field is found by walking the lines again, which
 * only those pay who asked for it. Names and values are slices of the caller's bytes.
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

struct http1_fields {
    struct slice lines;                    /* all field lines, the blank line not included */
    struct slice value[HTTP1_FIELD_COUNT]; /* of the first line of that name; absent: at == NULL */
    uint64_t names; /* a bit of http1_name_bit() for every line's name: what is not there surely */
    uint32_t repeated; /* bit 1 << field: more lines of that name follow */
    /* A space stands between the name and the colon of a field that decides the framing. Some
     * programs honour such a line, some ignore it (RFC 9112, 5.1), so where the body ends cannot
     * be told. */
    bool unclear_framing;
};

#define HTTP1_NAME_SIEVED 3 /* bytes: shorter names have no bit of their own */

/* One of 64 bits for names that begin with these and a byte between them, in any case: a sieve
 * for those who look for few names among many lines. The factors tell the names of the table from
 * those that heads are full of. */
static inline uint64_t http1_name_bit_of(char first, char third)
{
    return UINT64_C(1)
           << ((((unsigned char)first | 0x20u) * 7 + ((unsigned char)third | 0x20u) * 2) % 64);
}

/* The bits under which a name of at least one byte has to be looked for. */
static inline uint64_t http1_name_bit(struct slice name)
{
    return name.length < HTTP1_NAME_SIEVED ? UINT64_MAX : http1_name_bit_of(name.at[0], name.at[2]);
}

/* Parses field lines up to and including the blank line that ends them. OK: *length is their
 * size in bytes, with the blank line, and every slice lies within `bytes`. MORE: no blank line
 * yet. Never BAD: a line that is no field is passed over. */
enum parse http1_parse_fields(struct slice bytes, struct http1_fields *fields, size_t *length);

/* Takes the next field line off *lines (start with a copy of fields.lines). The value is without
 * white space at both ends; inside, line ends and spaces of folded lines are left. False at the
 * end. */
bool http1_next_field(struct slice *lines, struct slice *name, struct slice *value);

/* The same for the lines of one recognised field: for those with a `repeated` bit. */
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
