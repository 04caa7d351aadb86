// SPDX-License-Identifier: Apache-2.0
#include "agent/work/call.h"

#include "agent/base/counters.h"
#include "agent/base/slab.h"

#define PER_CHUNK 64

_Static_assert(CALL_MOST / PER_CHUNK <= SLAB_CHUNKS, "a slab has so many chunks");

static struct slab calls = SLAB_INIT((sizeof(struct call) + 63) / 64 * 64, PER_CHUNK, CALL_MOST);

struct call *call_begin(enum span_scope scope, uint64_t start_ns)
{
    uint32_t index;
    struct call *call = slab_take(&calls, &index);
    if (!call) {
        client_span_lost();
        return NULL;
    }
    call->index = index;
    call->connected_ns = 0;
    call->first_byte_ns = 0;
    memset(call->notes, 0, sizeof call->notes);
    client_span_begin(&call->client);
    call->client.start_ns = start_ns;
    call->described = call->client.recorded;
    if (call->described)
        client_span_open(&call->client, &call->span, call->record, sizeof call->record, scope);
    return call;
}

struct call *call_at(uint32_t index)
{
    return slab_at(&calls, index);
}

static void add_event(struct span *span, enum event event, uint64_t time_ns)
{
    if (time_ns)
        span_event(span, event, time_ns);
}

void call_end(struct call *call, uint64_t end_ns)
{
    /* In a forked child it is a copy, and the parent's to report. */
    struct span *span = client_span_is_ours(&call->client) ? call_span(call) : NULL;
    if (span) {
        add_event(span, EVENT_CONNECT_DONE, call->connected_ns);
        add_event(span, EVENT_FIRST_BYTE, call->first_byte_ns);
    }
    client_span_over(&call->client, CLIENT_ENDED, span, end_ns);
    call->described = false;
    slab_give(&calls, call->index);
}

void call_drop(struct call *call)
{
    client_span_lost();
    client_span_forget(&call->client);
    call->described = false;
    slab_give(&calls, call->index);
}

void call_abort(struct call *call, struct slice error_type, uint64_t end_ns)
{
    struct span *span = call_span(call);
    if (span)
        client_span_error(span, error_type, SLICE_NONE);
    call_end(call, end_ns);
}

void call_lost(struct call *call, uint64_t end_ns)
{
    struct span *span = call_span(call);
    if (span && client_span_is_ours(&call->client)) {
        span_boolean(span, ATTRIBUTE_OTELAGENT_INCOMPLETE, true);
        counters_add(&counters.spans_incomplete, 1);
    }
    call_end(call, end_ns);
}

void call_count_open(void)
{
    uint32_t used = atomic_load_explicit(&calls.fresh, memory_order_relaxed);
    for (uint32_t index = 0; index < used && index < CALL_MOST; index++)
        client_span_abandon_copy(&call_at(index)->client);
}
