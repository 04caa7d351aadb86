// SPDX-License-Identifier: Apache-2.0
/* name.h - attribute names, ready for the wire.
 *
 * Each name of attributes.def is encoded once, so that writing an attribute copies bytes instead
 * of measuring strings. */
#ifndef EXPORTER_NAME_H
#define EXPORTER_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/attribute.h"

#define NAME_BYTES 39

struct name {
    unsigned char encoded[NAME_BYTES]; /* field 1 of a KeyValue: tag, length, text; then zeros */
    unsigned char length;              /* of that, in bytes */
};

struct name_range {
    const struct name *names;
    unsigned count; /* 0: not to be sent */
};

/* Encodes all names. Once before any other function here, by one thread; again does nothing. */
void name_init(void);

/* The names under which an attribute is sent: its stable one, then, if wanted, each older one
 * that differs. Any number is accepted; there are none for unknown attributes. */
struct name_range name_range(unsigned attribute, bool older);

#endif
