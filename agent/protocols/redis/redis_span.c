// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/redis/redis_span.h"

#include "agent/work/client_span.h"

#define NS_PER_MS 1000000u

void redis_span_asked(struct span *span, const struct peer *peer, const struct redis_asked *asked)
{
    bool has_name = asked->operation.length != 0;
    span_name(span, has_name ? asked->operation : SLICE_LITERAL("redis"));
    span_string(span, ATTRIBUTE_DB_SYSTEM_NAME, SLICE_LITERAL("redis"));
    client_span_server(span, peer);
    if (has_name)
        span_string(span, ATTRIBUTE_DB_OPERATION_NAME, asked->operation);
    if (asked->size > 1)
        span_integer(span, ATTRIBUTE_DB_OPERATION_BATCH_SIZE, asked->size);
    if (asked->hidden)
        span_masked(span);
    if (asked->text.length)
        span_string(span, ATTRIBUTE_DB_QUERY_TEXT, asked->text);
}

/* Nothing of its text, which may quote what was sent. */
static void describe_error(struct span *span, struct slice error, uint64_t end_ns)
{
    if (stored_key_is_secret(error))
        error = SLICE_LITERAL(""); /* a script's own */
    if (error.length)
        span_string(span, ATTRIBUTE_DB_RESPONSE_STATUS_CODE, error);
    struct slice type = error.length ? error : SLICE_LITERAL("_OTHER");
    client_span_error(span, type, SLICE_NONE);
    client_span_exception(span, type, SLICE_NONE, end_ns);
}

void redis_span_answered(struct span *span, const struct redis_answered *answered, uint64_t end_ns)
{
    char digits[CLIENT_DECIMAL_BYTES];
    if (answered->database >= 0) {
        span_string(span, ATTRIBUTE_DB_INDEX, client_decimal((uint64_t)answered->database, digits));
        span_integer(span, ATTRIBUTE_DB_REDIS_DATABASE_INDEX, answered->database);
    }
    span_integer(span, ATTRIBUTE_DB_DURATION_MS,
                 (int64_t)((end_ns - span->record->start_ns) / NS_PER_MS));
    if (answered->failed)
        describe_error(span, answered->error, end_ns);
}
