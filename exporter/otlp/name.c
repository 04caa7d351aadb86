// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/name.h"

#include <stddef.h>
#include <string.h>

#include "exporter/otlp/wire.h"

/* No name of the table may be cut: it has to fit with its tag, its length and the tag after it;
 * the size of its NUL counts for one of these. (NULL has a size, too.) Where a longer name comes,
 * NAME_BYTES grows by 16. */
#define FITS(text) (sizeof(text) + 2 <= NAME_BYTES)
#define ATTRIBUTE(identifier, type, stable, older, oldest)                                         \
    _Static_assert(FITS(stable) && FITS(older) && FITS(oldest), #identifier);
#include "agent/span/attributes.def"
#undef ATTRIBUTE

struct name_row name_rows[ATTRIBUTE_COUNT + 1];

static void add(struct name_row *row, const char *text)
{
    struct name new = {0};
    if (!text)
        return;
    unsigned char *at = wire_bytes(new.encoded, WIRE_TAG(1, WIRE_LENGTH), text, strlen(text));
    *at++ = WIRE_TAG(2, WIRE_LENGTH);
    new.length = (unsigned char)(at - new.encoded);
    for (unsigned i = 0; i < row->counts[true]; i++)
        if (memcmp(&row->names[i], &new, sizeof new) == 0)
            return;
    row->names[row->counts[true]++] = new;
}

void name_init(void)
{
    if (name_rows[0].counts[true])
        return;
    for (unsigned i = ATTRIBUTE_COUNT; i-- > 0;) { /* the first one last: it marks the end */
        struct name_row *row = &name_rows[i];
        add(row, attribute_names[i].stable);
        row->counts[false] = row->counts[true];
        add(row, attribute_names[i].older[0]);
        add(row, attribute_names[i].older[1]);
    }
}
