// SPDX-License-Identifier: Apache-2.0
/* describe.h - facts of a record become names and attributes.
 *
 * Who sees the work writes what it saw (SPAN_ENTRY_FACTS); what that is called, both generations of
 * names, routes and the span's own name are found here, by who exports: on a thread that nobody
 * waits for. An heir describes what another process left with settings of its own. */
#ifndef AGENT_DESCRIBE_H
#define AGENT_DESCRIBE_H

#include "agent/span/span.h"

/* Bytes that a described record of at most so many may take. */
#define DESCRIBE_BYTES(record_bytes) ((record_bytes)*2)

/* The record in words, in `memory` (8-byte aligned, DESCRIBE_BYTES of the longest): what facts
 * make, then its other entries. The same one where it has no facts. The record may be a stranger's,
 * in `length` bytes; its head is known to be sound. On one thread. */
const struct span_record *describe(const struct span_record *record, void *memory,
                                   uint32_t capacity);

#endif
