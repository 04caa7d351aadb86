// SPDX-License-Identifier: Apache-2.0
/* place.h - what attributes are written into: a span, or one of its events.
 *
 * A limit of attributes is used up by what strangers choose the number of, and by long texts, only
 * as far as it leaves room for the names and numbers that a span is read for. */
#ifndef EXPORTER_PLACE_H
#define EXPORTER_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/span/span.h"

/* No span has so many attributes, with all headers that can be captured: below this a limit decides
 * which of them are sent. */
#define PLACE_ATTRIBUTES_MOST 128

struct place {
    unsigned tag; /* of the attributes' field */
    int64_t easy; /* attributes that may be written without asking further */
    int64_t left; /* and when those are used up, with `owed` of them for what is kept */
    int64_t owed;
    uint32_t dropped;
};

/* `older`: under the names of the older generation, too. */
void place_begin_span(struct place *place, unsigned tag, int64_t limit,
                      const struct span_record *record, bool older);

unsigned place_take_late(struct place *place, const struct span_entry *entry, unsigned wanted);

/* How many of the next `wanted` attributes, which are that entry's, may be written; counts all of
 * them. */
static inline unsigned place_take(struct place *place, const struct span_entry *entry,
                                  unsigned wanted)
{
    if (place->easy < wanted)
        return place_take_late(place, entry, wanted);
    place->easy -= wanted;
    return wanted;
}

#endif
