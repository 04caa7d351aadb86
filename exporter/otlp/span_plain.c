// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/span_plain.h"

static inline unsigned char *put_status(unsigned char *at, uint8_t status)
{
    if (status == SPAN_STATUS_UNSET)
        return at;
    unsigned char *body = wire_begin(at, SPAN_STATUS);
    return wire_end(body, wire_number(body, STATUS_CODE, status));
}

unsigned char *span_plain_put(struct span_wire *wire, unsigned char *at,
                              const struct span_record *record, int64_t unix_offset_ns,
                              const struct describe_plan *plan)
{
    uint64_t hash;
    struct told told = {0};
    const unsigned char *parts[DESCRIBE_PARTS];
    bool is_alone = (const void *)(record + 1) == plan->facts && !plan->rest;
    if (!is_alone || record->dropped_attributes)
        return NULL;
    for (unsigned i = 0; i < DESCRIBE_PARTS; i++)
        if (!(parts[i] = memo_find(&wire->memo, &plan->keys[i], i, &hash)))
            return NULL;
    bool older = says_older(wire->config, record);
    unsigned char *body = wire_begin(at, WIRE_TAG(2, WIRE_LENGTH));
    at = put_ids_and_times(body, record, unix_offset_ns);
    for (unsigned i = 0; i < plan->number_count; i++) {
        const struct name_row *row = name_row(plan->numbers[i].attribute);
        at = put_value(at, SPAN_ATTRIBUTES, row, row->counts[older], VALUE_INTEGER,
                       (uint64_t)plan->numbers[i].value);
    }
    for (unsigned i = 0; i < DESCRIBE_PARTS; i++) {
        memcpy(&told, parts[i], sizeof told);
        size_t bytes = (size_t)told.attribute_bytes + told.name_bytes;
        memcpy(at, parts[i] + sizeof told, bytes);
        at += bytes;
    }
    return wire_end(body, put_flags(put_status(at, told.status), record));
}
