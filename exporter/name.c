// SPDX-License-Identifier: Apache-2.0
#include "exporter/name.h"

#include <stddef.h>
#include <string.h>

#include "exporter/wire.h"

#define NAMES_MOST 3

/* No name of the table may be cut: it has to fit with its tag and length. (NULL has a size, too.)
 */
#define FITS(text) (sizeof(text) + 1 <= NAME_BYTES)
#define ATTRIBUTE(identifier, type, stable, older, oldest)                                         \
    _Static_assert(FITS(stable) && FITS(older) && FITS(oldest), #identifier);
#include "agent/attributes.def"
#undef ATTRIBUTE

/* Written by name_init() before the exporter's thread reads them. */
static struct name names[ATTRIBUTE_COUNT][NAMES_MOST];
static struct {
    unsigned char stable; /* 0 or 1: names sent when only the stable ones are asked for */
    unsigned char all;
} counts[ATTRIBUTE_COUNT];

static void add(unsigned attribute, const char *text)
{
    struct name new = {0};
    if (!text)
        return;
    new.length =
        (unsigned char)(wire_bytes(new.encoded, WIRE_TAG(1, WIRE_LENGTH), text, strlen(text)) -
                        new.encoded);
    for (unsigned i = 0; i < counts[attribute].all; i++)
        if (memcmp(&names[attribute][i], &new, sizeof new) == 0)
            return;
    names[attribute][counts[attribute].all++] = new;
}

void name_init(void)
{
    if (counts[0].all)
        return;
    for (unsigned i = ATTRIBUTE_COUNT; i-- > 0;) { /* the first one last: it marks the end */
        add(i, attribute_names[i].stable);
        counts[i].stable = counts[i].all;
        add(i, attribute_names[i].older[0]);
        add(i, attribute_names[i].older[1]);
    }
}

struct name_range name_range(unsigned attribute, bool older)
{
    if (attribute >= ATTRIBUTE_COUNT)
        return (struct name_range){NULL, 0};
    return (struct name_range){names[attribute],
                               older ? counts[attribute].all : counts[attribute].stable};
}
