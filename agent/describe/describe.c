// SPDX-License-Identifier: Apache-2.0
#include "agent/describe/describe.h"

#include "agent/describe/http_server.h"
#include "agent/describe/mysql_client.h"

/* What can be told of facts; `plan` and `part` are NULL where that is not done in parts. */
struct row {
    void (*describe)(struct span *span, const struct span_entry *facts);
    bool (*plan)(const struct span_record *record, struct describe_plan *plan);
    bool (*part)(struct span *span, const struct describe_plan *plan, unsigned part);
};

static const struct row rows[SPAN_FACTS_COUNT] = {
    [SPAN_FACTS_HTTP_SERVER] = {http_server_describe, http_server_plan, http_server_part},
    [SPAN_FACTS_MYSQL] = {mysql_client_describe, NULL, NULL},
};

static const struct row *row_of(const struct span_entry *facts)
{
    return facts && facts->number < SPAN_FACTS_COUNT ? &rows[facts->number] : NULL;
}

const struct span_record *describe(const struct span_record *record, void *memory,
                                   uint32_t capacity)
{
    struct span span;
    const struct span_entry *facts = record->facts_at ? span_find_facts(record) : NULL;
    const struct row *row = row_of(facts);
    if (!row)
        return record;
    span_begin_as(&span, memory, capacity, record);
    const struct span_entry *entry = span_next_entry(record, NULL);
    for (; entry && entry->kind == SPAN_ENTRY_PROCESS; entry = span_next_entry(record, entry))
        span_entry(&span, entry);
    row->describe(&span, facts);
    for (; entry; entry = span_next_entry(record, entry))
        if (entry->kind != SPAN_ENTRY_FACTS)
            span_entry(&span, entry);
    return span.record;
}

/* The facts, where only a process and a tracestate lie before them; a stranger's number may point
 * anywhere. */
static inline const struct span_entry *first_facts(const struct span_record *record)
{
    const struct span_entry *entry = span_next_entry(record, NULL);
    while (entry && (entry->kind == SPAN_ENTRY_TRACESTATE || entry->kind == SPAN_ENTRY_PROCESS))
        entry = span_next_entry(record, entry);
    bool found = entry && entry->kind == SPAN_ENTRY_FACTS &&
                 (const unsigned char *)entry - (const unsigned char *)record == record->facts_at;
    return found ? entry : NULL;
}

bool describe_plan(const struct span_record *record, struct describe_plan *plan)
{
    plan->facts = first_facts(record);
    const struct row *row = row_of(plan->facts);
    if (!row || !row->plan || record->length > DESCRIBE_PLAN_BYTES ||
        plan->facts->length > DESCRIBE_PLAN_TEXTS)
        return false;
    plan->rest = span_next_entry(record, plan->facts);
    return row->plan(record, plan);
}

const struct span_record *describe_part(const struct span_record *record,
                                        const struct describe_plan *plan, unsigned part,
                                        void *memory, bool *repeats)
{
    struct span span;
    span_begin_as(&span, memory, DESCRIBE_PART_BYTES, record);
    *repeats = row_of(plan->facts)->part(&span, plan, part);
    return span.record;
}
