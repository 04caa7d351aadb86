// SPDX-License-Identifier: Apache-2.0
#include "agent/describe/describe.h"

#include "agent/describe/http_server.h"
#include "agent/describe/mysql_client.h"

typedef void describe_facts(struct span *span, const struct span_entry *facts);

static describe_facts *const rows[SPAN_FACTS_COUNT] = {
    [SPAN_FACTS_HTTP_SERVER] = http_server_describe,
    [SPAN_FACTS_MYSQL] = mysql_client_describe,
};

const struct span_record *describe(const struct span_record *record, void *memory,
                                   uint32_t capacity)
{
    struct span span;
    const struct span_entry *facts = record->facts_at ? span_find_facts(record) : NULL;
    if (!facts || facts->number >= SPAN_FACTS_COUNT)
        return record;
    span_begin_as(&span, memory, capacity, record);
    const struct span_entry *entry = span_next_entry(record, NULL);
    for (; entry && entry->kind == SPAN_ENTRY_PROCESS; entry = span_next_entry(record, entry))
        span_entry(&span, entry);
    rows[facts->number](&span, facts);
    for (; entry; entry = span_next_entry(record, entry))
        if (entry->kind != SPAN_ENTRY_FACTS)
            span_entry(&span, entry);
    return span.record;
}
