// SPDX-License-Identifier: Apache-2.0
/* resource_wire.h - a resource in protobuf's form: its attributes, and that of a forked child, made
 * of its parent's.
 *
 * A child that answers one request leaves its spans to its parent (agent/queue/lodging.h), with no
 * more than what tells the two apart. */
#ifndef EXPORTER_RESOURCE_WIRE_H
#define EXPORTER_RESOURCE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/span/span.h"

/* Each writes an attribute, a KeyValue in field 1, into memory known to be large enough, and
 * returns the position after it. */
unsigned char *resource_put_text(unsigned char *at, struct slice key, struct slice text);
unsigned char *resource_put_number(unsigned char *at, struct slice key, uint64_t number);

#define RESOURCE_UUID_BYTES 37 /* with its NUL */

/* A version 4 UUID. Source: RFC 9562, 5.4. */
void resource_make_instance(uint8_t uuid[16]);
void resource_format_instance(char into[RESOURCE_UUID_BYTES], const uint8_t uuid[16]);

/* Writes an encoded Resource message, at most RESOURCE_CHILD_BYTES longer than the parent's, which
 * nobody has checked: what can't be read stays as it is. Returns its length. */
#define RESOURCE_CHILD_BYTES 64
size_t resource_of_child(unsigned char *into, struct slice parents,
                         const struct span_process *child);

#endif
