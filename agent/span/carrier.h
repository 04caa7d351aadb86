// SPDX-License-Identifier: Apache-2.0
/* carrier.h - anything that holds propagation fields: the head of an HTTP request, the parameters
 * of FastCGI.
 *
 * Propagators read from it and know no protocol. Which fields there may be is known
 * (carrier_fields.def), so that a protocol finds them while it parses, and nobody looks twice. */
#ifndef AGENT_CARRIER_H
#define AGENT_CARRIER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

enum carrier_field {
#define CARRIER_FIELD(identifier, letter, name) CARRIER_##identifier,
#include "agent/span/carrier_fields.def"
#undef CARRIER_FIELD
    CARRIER_FIELDS
};

/* What a field is called, in lower case. */
extern const struct slice carrier_names[CARRIER_FIELDS];

/* A value, which lives no longer than what it was made of. */
struct carrier {
    /* CARRIER_FIELDS of them: of the first line of that name, without the white space around it;
     * absent: at == NULL. */
    const struct slice *values;
    /* All lines of a field that is there, in order, into `lines`. Returns how many, 0 where there
     * are more than `most`: nobody sends so many, and half of them would be wrong. `values` tells
     * the protocol what to look through. */
    size_t (*lines)(const struct slice *values, enum carrier_field field, struct slice *lines,
                    size_t most);
    uint32_t repeated; /* a bit 1 << field: more lines of that name follow */
};

/* The first line of that field; absent: at == NULL. */
static inline struct slice carrier_get(const struct carrier *carrier, enum carrier_field field)
{
    return carrier->values[field];
}

static inline bool carrier_has(const struct carrier *carrier, enum carrier_field field)
{
    return carrier->values[field].at != NULL;
}

static inline bool carrier_repeats(const struct carrier *carrier, enum carrier_field field)
{
    return carrier->repeated >> field & 1;
}

static inline size_t carrier_lines(const struct carrier *carrier, enum carrier_field field,
                                   struct slice *lines, size_t most)
{
    return carrier->lines(carrier->values, field, lines, most);
}

#endif
