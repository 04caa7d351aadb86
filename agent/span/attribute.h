// SPDX-License-Identifier: Apache-2.0
/* attribute.h - attributes and events by number.
 *
 * A record on its way to the exporter says "attribute 7", two bytes; the names, of both
 * generations, are looked up when it is encoded. */
#ifndef AGENT_ATTRIBUTE_H
#define AGENT_ATTRIBUTE_H

#include <stdbool.h>

enum attribute {
#define ATTRIBUTE(identifier, type, stable, older, oldest) ATTRIBUTE_##identifier,
#include "agent/span/attributes.def"
#undef ATTRIBUTE
    ATTRIBUTE_COUNT
};

enum attribute_type {
    ATTRIBUTE_TYPE_STRING,
    ATTRIBUTE_TYPE_TEXT, /* a string that may be long: cut, or left out, before any other */
    ATTRIBUTE_TYPE_INTEGER,
    ATTRIBUTE_TYPE_BOOLEAN
};

struct attribute_names {
    enum attribute_type type;
    const char *stable;   /* NULL: none in the stable conventions */
    const char *older[2]; /* NULL: none; may equal the stable name */
};

extern const struct attribute_names attribute_names[ATTRIBUTE_COUNT];

/* Is it one of those that long texts leave room for? */
static inline bool attribute_is_kept(unsigned number)
{
    return number < ATTRIBUTE_COUNT && attribute_names[number].type != ATTRIBUTE_TYPE_TEXT;
}

/* Names of span events. */
enum event {
    EVENT_EXCEPTION,
    EVENT_SLOW_QUERY_DETECTED,
    EVENT_DB_RETRY,
    EVENT_DNS_DONE,
    EVENT_CONNECT_DONE,
    EVENT_TLS_DONE,
    EVENT_FIRST_BYTE,
    EVENT_COUNT
};

extern const char *const event_names[EVENT_COUNT];

#endif
