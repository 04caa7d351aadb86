// SPDX-License-Identifier: Apache-2.0
/* describe.h - facts of a record become names and attributes.
 *
 * Who sees the work writes what it saw (SPAN_ENTRY_FACTS); what that is called, both generations of
 * names, routes and the span's own name are found here, by who exports: on a thread that nobody
 * waits for. An heir describes what another process left with settings of its own.
 *
 * Most facts repeat: the next request has the same client, the next one but one asks for the same
 * page. So facts can be described in parts, each with a key, for who remembers what became of them:
 * same key, same words. */
#ifndef AGENT_DESCRIBE_H
#define AGENT_DESCRIBE_H

#include "agent/describe/plan.h"

/* Bytes that a described record of at most so many may take. */
#define DESCRIBE_BYTES(record_bytes) ((size_t)(record_bytes)*2)

/* The record in words, in `memory` (8-byte aligned, DESCRIBE_BYTES of the longest): what facts
 * make, then its other entries. The same one where it has no facts. The record may be a stranger's,
 * whose length is known to be sound. On one thread. */
const struct span_record *describe(const struct span_record *record, void *memory,
                                   uint32_t capacity);

/* False: it has no facts, or they, or the record, are of no usual form; see describe(). The keys
 * hold until the next description. On the same thread as that. */
bool describe_plan(const struct span_record *record, struct describe_plan *plan);

/* Of a longer record, or of longer texts, there is no plan: the parts have room for all they say.
 */
#define DESCRIBE_PLAN_BYTES 8192
#define DESCRIBE_PLAN_TEXTS 1024
#define DESCRIBE_PART_BYTES 16384

/* One part of the plan, with the head of the record, whose status it may change, in `memory`
 * (8-byte aligned, DESCRIBE_PART_BYTES). Only the last one has a name. *repeats is false where the
 * same key may get other words the next time. */
const struct span_record *describe_part(const struct span_record *record,
                                        const struct describe_plan *plan, unsigned part,
                                        void *memory, bool *repeats);

#endif
