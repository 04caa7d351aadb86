// SPDX-License-Identifier: Apache-2.0
#include "agent/span/propagator.h"

#include <string.h>

#include "config/config.h"

/* Apart, here and below, because most requests have none and all have the frame. */
__attribute__((noinline)) static void
read_tracestate(const struct carrier *carrier, struct carried *carried, struct carried_text *text)
{
    size_t count = carrier_lines(carrier, CARRIER_TRACESTATE, text->lines, CARRIED_LINES_MOST);
    if (!count)
        return;
    struct slice joined =
        propagation_join_tracestate(text->lines, count, text->tracestate, CARRIED_TRACESTATE_BYTES);
    carried->tracestate_bytes = (uint16_t)joined.length;
}

/* Two traceparent lines are as good as none; then there is no tracestate, either. */
static void tracecontext_extract(const struct carrier *carrier, struct span_context *parent,
                                 struct carried *carried, struct carried_text *text)
{
    struct slice traceparent = carrier_get(carrier, CARRIER_TRACEPARENT);
    if (traceparent.at && !carrier_repeats(carrier, CARRIER_TRACEPARENT) &&
        propagation_parse_traceparent(traceparent, parent) &&
        carrier_has(carrier, CARRIER_TRACESTATE))
        read_tracestate(carrier, carried, text);
}

/* The tracestate keeps its place where there is no room for both. */
__attribute__((noinline)) static void
read_baggage(const struct carrier *carrier, struct carried *carried, struct carried_text *text)
{
    size_t count = carrier_lines(carrier, CARRIER_BAGGAGE, text->lines, CARRIED_LINES_MOST);
    if (!count)
        return;
    struct slice joined = propagation_join_baggage(
        text->lines, count, text->baggage, CARRIED_BAGGAGE_BYTES - carried->tracestate_bytes);
    carried->baggage_bytes = (uint16_t)joined.length;
}

/* Also where there is no traceparent. */
static void baggage_extract(const struct carrier *carrier, struct span_context *parent,
                            struct carried *carried, struct carried_text *text)
{
    (void)parent;
    if (carrier_has(carrier, CARRIER_BAGGAGE))
        read_baggage(carrier, carried, text);
}

void propagator_extract(uint64_t propagators, const struct carrier *carrier,
                        struct span_context *parent, struct carried *carried,
                        struct carried_text *text)
{
    memset(parent, 0, sizeof *parent);
    *carried = (struct carried){0, 0};
#define PROPAGATOR(identifier, name)                                                               \
    if (propagators & PROPAGATOR_##identifier)                                                     \
        name##_extract(carrier, parent, carried, text);
#include "agent/span/propagators.def"
#undef PROPAGATOR
}
