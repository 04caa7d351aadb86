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

#include "agent/span/span.h"

/* Bytes that a described record of at most so many may take. */
#define DESCRIBE_BYTES(record_bytes) ((record_bytes)*2)

/* The record in words, in `memory` (8-byte aligned, DESCRIBE_BYTES of the longest): what facts
 * make, then its other entries. The same one where it has no facts. The record may be a stranger's,
 * in `length` bytes; its head is known to be sound. On one thread. */
const struct span_record *describe(const struct span_record *record, void *memory,
                                   uint32_t capacity);

/* What the words of a part follow from. The texts lie in the record. */
struct describe_key {
    uint64_t words[4]; /* numbers, which also tell the texts' lengths */
    struct slice texts[2];
};

struct describe_number {
    enum attribute attribute;
    int64_t value;
};

#define DESCRIBE_PARTS   2
#define DESCRIBE_NUMBERS 3

/* A record that is described in parts: describe() tells the numbers, the parts, what comes before
 * the facts (a process, a tracestate), and the entries from `rest` on, in this order. */
struct describe_plan {
    const struct span_entry *facts;
    const struct span_entry *rest; /* NULL: none */
    struct describe_key keys[DESCRIBE_PARTS];
    struct describe_number numbers[DESCRIBE_NUMBERS]; /* what hardly repeats, integers all */
    unsigned number_count;
};

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
