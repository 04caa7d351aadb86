// SPDX-License-Identifier: Apache-2.0
/* name.h - attribute names, ready for the wire.
 *
 * Each name of attributes.def is encoded once, so that writing an attribute copies bytes instead
 * of measuring strings. The rows have the size of two vector registers, because a copy of constant
 * size is a few instructions and one of the name's own length is a call. */
#ifndef EXPORTER_NAME_H
#define EXPORTER_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/span/attribute.h"

#define NAME_BYTES 47
#define NAMES_MOST 3

struct name {
    /* Of a KeyValue: field 1 (tag, length, text), then the tag of field 2, then zeros. */
    unsigned char encoded[NAME_BYTES];
    unsigned char length; /* of that, in bytes */
};

/* The names under which an attribute is sent: its stable one, then each older one that differs. */
struct name_row {
    struct name names[NAMES_MOST];
    /* How many of them are sent, without and with the older generation; 0: none. */
    unsigned char counts[2];
};

/* A row for each attribute; the last one, without names, stands for unknown attributes. Written by
 * name_init() before the exporter's thread reads them. */
extern struct name_row name_rows[ATTRIBUTE_COUNT + 1];

/* Encodes all names. Once before any other function here, by one thread; again does nothing. */
void name_init(void);

/* Any number is accepted. */
static inline const struct name_row *name_row(unsigned attribute)
{
    return &name_rows[attribute < ATTRIBUTE_COUNT ? attribute : ATTRIBUTE_COUNT];
}

#endif
