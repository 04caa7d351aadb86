// SPDX-License-Identifier: Apache-2.0
#include "agent/work/client_span.h"

#include <sys/socket.h>

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/base/preparation.h"
#include "agent/base/process.h"
#include "agent/base/slab.h"
#include "agent/queue/family.h"
#include "agent/queue/queue.h"
#include "agent/span/stack_trace.h"
#include "agent/text/redact.h"
#include "agent/work/context.h"
#include "agent/work/evidence.h"
#include "agent/work/with_sdk.h"
#include "agent/work/work.h"

_Static_assert(sizeof(struct client_page) % 64 == 0, "a slab's object");

/* Held while a record is written, so one a thread is enough; the rest is for those whose writer
 * was cancelled in the middle. */
static struct slab pages = SLAB_INIT(sizeof(struct client_page), 16, 1024);

#define NS_PER_MS 1000000u

/* Written by client_span_prepare(), before the first span; only read otherwise. */
static struct {
    enum config_when outside; /* what becomes of calls that belong to no request */
    uint64_t slow_query_ns;   /* 0: none is slow */
    bool traces_stack;        /* of failed calls */
    bool has_sessions;        /* what only sets up a connection is kept, too */
} settings;

void client_span_prepare(const struct config *config)
{
    settings.outside = config->root_client_spans;
    settings.slow_query_ns = (uint64_t)config->slow_query_ms * NS_PER_MS;
    settings.traces_stack = config->stacktrace == WHEN_ALWAYS;
    settings.has_sessions = config->db_spans == DB_SPANS_ALL;
}

void client_span_lost(void)
{
    counters_add(&counters.spans_ended, 1);
    counters_add(&counters.dropped_calls, 1);
}

/* Whether a server, and so whether requests are what it works for, is known from its first one.
 * Where threads or loops work for requests that can't be told apart, a call without a parent may
 * belong to one: it is kept, as it was before. */
static enum client_outside outside_of(const struct client_span *client)
{
    enum config_when kept = settings.outside;
    if (!client->recorded || kept == WHEN_ALWAYS || span_context_present(&client->parent))
        return CLIENT_KEPT;
    if (kept == WHEN_NEVER)
        return CLIENT_LEFT_OUT;
    return family_serves() && evidence_tells() ? CLIENT_KEPT_NOTABLE : CLIENT_KEPT;
}

void client_span_begin(struct client_span *client)
{
    memset(&client->self, 0, sizeof client->self); /* no context where there is no memory */
    work_call();
    client->recorded = preparation_do() && context_begin_span(&client->self, &client->parent);
    if (with_sdk_leaves_out(client->recorded)) {
        client->recorded = false;
        memset(&client->self, 0, sizeof client->self); /* nor is anybody told of it */
    }
    client->process = process_owner;
    client->is_session = false;
    client->outside = (uint8_t)outside_of(client);
    if (client->outside != CLIENT_KEPT)
        client->self.flags &= (uint8_t)~TRACE_FLAG_SAMPLED;
    client->begun = true;
    client->start_ns = clock_monotonic_ns();
}

void client_span_follow(struct client_span *client, const struct client_span *first,
                        uint64_t start_ns)
{
    client->parent = first->parent;
    client->recorded = context_identify(&client->self, &client->parent) && first->recorded;
    client->process = process_owner;
    client->begun = true;
    client->start_ns = start_ns;
}

bool client_span_is_ours(const struct client_span *client)
{
    return client->process == process_owner;
}

struct client_page *client_page_take(void)
{
    uint32_t index;
    struct client_page *page = slab_take(&pages, &index);
    if (page)
        page->index = index;
    return page;
}

void client_page_give(struct client_page *page)
{
    slab_give(&pages, page->index);
}

struct client_page *client_span_describe(const struct client_span *client, enum span_scope scope)
{
    if (!client->begun || !client->recorded)
        return NULL;
    struct client_page *page = client_page_take();
    if (!page) {
        client_span_lost();
        return NULL;
    }
    client_span_open(client, &page->span, page->record, sizeof page->record, scope);
    return page;
}

void client_span_open(const struct client_span *client, struct span *span, void *memory,
                      uint32_t capacity, enum span_scope scope)
{
    span_begin(span, memory, capacity, scope, SPAN_KIND_CLIENT, &client->self, &client->parent,
               client->start_ns);
    span->record->flags |= TRACE_FLAG_SAMPLED; /* also where nobody was told so */
}

#define SLOW_NS 1000000000u

/* 0: nothing is slow. */
static uint64_t slow_ns(const struct span_record *record)
{
    return record->scope == SPAN_SCOPE_MYSQL ? settings.slow_query_ns : SLOW_NS;
}

static bool is_notable(const struct span_record *record)
{
    uint64_t slow = slow_ns(record);
    return record->status == SPAN_STATUS_ERROR ||
           (slow && record->end_ns - record->start_ns >= slow);
}

/* What counts those that are left out like this one; NULL: it is kept. */
static _Atomic uint64_t *left_out_with(const struct client_span *client,
                                       const struct span_record *record)
{
    bool notable = is_notable(record);
    if (client->outside == CLIENT_LEFT_OUT || (client->outside == CLIENT_KEPT_NOTABLE && !notable))
        return &counters.left_out_outside;
    return client->is_session && !notable ? &counters.left_out_session : NULL;
}

static void hand_over(const struct client_span *client, struct span *span, uint64_t end_ns)
{
    span_end(span, end_ns);
    _Atomic uint64_t *left_out = left_out_with(client, span->record);
    if (left_out)
        counters_add(left_out, 1);
    else
        queue_hand_over(span->record);
}

static void count_abandoned(const struct client_span *client)
{
    if (!queue.has_exporters)
        return;
    if (client->outside != CLIENT_KEPT) {
        counters_add(&counters.left_out_outside, 1);
    } else if (client->is_session) {
        counters_add(&counters.left_out_session, 1);
    } else {
        counters_add(&counters.spans_ended, 1);
        counters_add(&counters.dropped_abandoned, 1);
    }
}

void client_span_over(struct client_span *client, enum client_ending ending, struct span *span,
                      uint64_t end_ns)
{
    client->begun = false;
    if (!client->recorded || ending == CLIENT_FORGOTTEN || !client_span_is_ours(client))
        return;
    if (ending == CLIENT_ABANDONED)
        count_abandoned(client);
    else if (span)
        hand_over(client, span, end_ns);
}

void client_span_string(struct client_page *page, enum attribute attribute, struct slice text)
{
    span_shown(&page->span, attribute, text,
               redact_text(&redact_of_process, text, page->scratch, sizeof page->scratch));
}

void client_span_server(struct span *span, const struct peer *peer)
{
    char text[PEER_TEXT_BYTES];
    struct slice address = peer_format(peer, text);
    if (peer->family == AF_UNIX)
        span_string(span, ATTRIBUTE_NETWORK_TRANSPORT, SLICE_LITERAL("unix"));
    if (!address.at)
        return;
    span_string(span, ATTRIBUTE_PEER_SERVER_ADDRESS, address);
    span_integer(span, ATTRIBUTE_PEER_SERVER_PORT, peer->port);
}

void client_span_error(struct span *span, struct slice type, struct slice message)
{
    span_string(span, ATTRIBUTE_ERROR_TYPE, type);
    span_string(span, ATTRIBUTE_ERROR_MESSAGE, message);
    span_error(span, message);
}

void client_span_exception(struct span *span, struct slice type, struct slice message,
                           uint64_t time_ns)
{
    span_event(span, EVENT_EXCEPTION, time_ns);
    span_string(span, ATTRIBUTE_EXCEPTION_TYPE, type);
    span_string(span, ATTRIBUTE_EXCEPTION_MESSAGE, message);
    if (settings.traces_stack)
        stack_trace_add(span);
}

void client_span_sets_up(struct client_span *client)
{
    client->is_session = !settings.has_sessions;
}

struct slice client_decimal(uint64_t value, char out[CLIENT_DECIMAL_BYTES])
{
    char digits[CLIENT_DECIMAL_BYTES];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return (struct slice){out, count};
}
