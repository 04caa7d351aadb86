// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/place.h"

#include "exporter/otlp/name.h"

static bool is_kept(const struct span_entry *entry)
{
    return entry->kind == SPAN_ENTRY_INTEGER || entry->kind == SPAN_ENTRY_BOOLEAN ||
           (entry->kind == SPAN_ENTRY_STRING && attribute_is_kept(entry->number));
}

void place_begin_span(struct place *place, unsigned tag, int64_t limit,
                      const struct span_record *record, bool older)
{
    *place = (struct place){.tag = tag, .easy = limit};
    if (limit >= PLACE_ATTRIBUTES_MOST)
        return;
    for (const struct span_entry *entry = span_next_entry(record, NULL);
         entry && entry->kind != SPAN_ENTRY_EVENT; entry = span_next_entry(record, entry))
        if (is_kept(entry))
            place->owed += name_row(entry->number)->counts[older];
    place->left = limit;
    place->easy = 0;
}

unsigned place_take_late(struct place *place, const struct span_entry *entry, unsigned wanted)
{
    bool kept = is_kept(entry);
    place->left += place->easy;
    place->easy = 0;
    int64_t left = place->left - (kept ? 0 : place->owed);
    unsigned taken = left <= 0 ? 0 : left < wanted ? (unsigned)left : wanted;
    if (kept && place->owed)
        place->owed -= wanted;
    place->left -= taken;
    place->dropped += wanted - taken;
    return taken;
}
