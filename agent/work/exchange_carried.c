// SPDX-License-Identifier: Apache-2.0
#include "agent/work/exchange_carried.h"

#include "agent/base/racing.h"
#include "agent/work/exchange.h"

__attribute__((no_sanitize("thread"))) static size_t
copy_carried(const struct context *context, bool baggage, char *into, size_t capacity)
{
    if (!context->exchange || context->doubtful)
        return 0;
    const struct exchange *exchange = exchange_at(context->exchange - 1);
    if (atomic_load_explicit(&exchange->generation, memory_order_acquire) != context->generation)
        return 0;
    size_t length = baggage ? exchange->carried.baggage_bytes : exchange->carried.tracestate_bytes;
    if (length > capacity)
        return 0;
    const struct carried_text *text = &exchange_text_at(context->exchange - 1)->carried;
    racing_copy(into, baggage ? text->baggage : text->tracestate, length);
    return exchange_is_still(exchange, context->generation) ? length : 0;
}

size_t exchange_copy_tracestate(const struct context *context, char into[CARRIED_TRACESTATE_BYTES])
{
    return copy_carried(context, false, into, CARRIED_TRACESTATE_BYTES);
}

size_t exchange_copy_baggage(const struct context *context, char into[CARRIED_BAGGAGE_BYTES])
{
    return copy_carried(context, true, into, CARRIED_BAGGAGE_BYTES);
}
