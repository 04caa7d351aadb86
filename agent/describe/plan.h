// SPDX-License-Identifier: Apache-2.0
/* plan.h - facts in the parts in which they repeat themselves. */
#ifndef AGENT_DESCRIBE_PLAN_H
#define AGENT_DESCRIBE_PLAN_H

#include "agent/span/span.h"

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

#endif
