// SPDX-License-Identifier: Apache-2.0
/* resource_child.h - the resource of a forked child, made of its parent's.
 *
 * A child that answers one request leaves its spans to its parent (agent/queue/lodging.h), with no
 * more than what tells the two apart. */
#ifndef EXPORTER_RESOURCE_CHILD_H
#define EXPORTER_RESOURCE_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/span/span.h"

#define RESOURCE_UUID_BYTES 37 /* with its NUL */

void resource_format_instance(char into[RESOURCE_UUID_BYTES], const uint8_t uuid[16]);

/* Writes an encoded Resource message, at most RESOURCE_CHILD_BYTES longer than the parent's, which
 * nobody has checked: what can't be read stays as it is. Returns its length. */
#define RESOURCE_CHILD_BYTES 64
size_t resource_of_child(unsigned char *into, struct slice parents,
                         const struct span_process *child);

#endif
