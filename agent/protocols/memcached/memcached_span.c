// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/memcached/memcached_span.h"

#include "agent/work/client_span.h"

#define NS_PER_MS 1000000u

void memcached_span_asked(struct span *span, const struct peer *peer,
                          const struct memcached_asked *asked)
{
    span_name(span, asked->operation);
    span_string(span, ATTRIBUTE_DB_SYSTEM_NAME, SLICE_LITERAL("memcached"));
    client_span_server(span, peer);
    span_string(span, ATTRIBUTE_DB_OPERATION_NAME, asked->operation);
    if (asked->size > 1)
        span_integer(span, ATTRIBUTE_DB_OPERATION_BATCH_SIZE, asked->size);
    if (asked->hidden)
        span_masked(span);
    if (asked->text.length)
        span_string(span, ATTRIBUTE_DB_QUERY_TEXT, asked->text);
}

void memcached_span_answered(struct span *span, const struct memcached_answered *answered,
                             uint64_t end_ns)
{
    if (answered->values >= 0 && !answered->failed)
        span_integer(span, ATTRIBUTE_DB_RESPONSE_RETURNED_ROWS, answered->values);
    span_integer(span, ATTRIBUTE_DB_DURATION_MS,
                 (int64_t)((end_ns - span->record->start_ns) / NS_PER_MS));
    if (!answered->failed)
        return;
    /* Nothing of its text, which may quote what was sent. */
    span_string(span, ATTRIBUTE_DB_RESPONSE_STATUS_CODE, answered->error);
    client_span_error(span, answered->error, SLICE_NONE);
    client_span_exception(span, answered->error, SLICE_NONE, end_ns);
}
