// SPDX-License-Identifier: Apache-2.0
#include "agent/span/propagator.h"

#include <string.h>

#include "config/config.h"

/* Apart, here and below, because most requests have none and all have the frame. */
__attribute__((noinline)) static void
read_tracestate(const struct carrier *carrier, struct origin *origin, struct carried *carried)
{
    size_t count = carrier_lines(carrier, CARRIER_TRACESTATE, carried->lines, CARRIED_LINES_MOST);
    if (!count)
        return;
    struct slice joined = propagation_join_tracestate(carried->lines, count, carried->tracestate,
                                                      CARRIED_TRACESTATE_BYTES);
    origin->tracestate_bytes = (uint16_t)joined.length;
}

/* Two traceparent lines are as good as none; then there is no tracestate, either. */
static void tracecontext_extract(const struct carrier *carrier, struct origin *origin,
                                 struct carried *carried)
{
    struct slice traceparent = carrier_get(carrier, CARRIER_TRACEPARENT);
    if (traceparent.at && !carrier_repeats(carrier, CARRIER_TRACEPARENT) &&
        propagation_parse_traceparent(traceparent, &origin->parent) &&
        carrier_has(carrier, CARRIER_TRACESTATE))
        read_tracestate(carrier, origin, carried);
}

/* The tracestate keeps its place where there is no room for both. */
__attribute__((noinline)) static void read_baggage(const struct carrier *carrier,
                                                   struct origin *origin, struct carried *carried)
{
    size_t count = carrier_lines(carrier, CARRIER_BAGGAGE, carried->lines, CARRIED_LINES_MOST);
    if (!count)
        return;
    struct slice joined = propagation_join_baggage(
        carried->lines, count, carried->baggage, CARRIED_BAGGAGE_BYTES - origin->tracestate_bytes);
    origin->baggage_bytes = (uint16_t)joined.length;
}

/* Also where there is no traceparent. */
static void baggage_extract(const struct carrier *carrier, struct origin *origin,
                            struct carried *carried)
{
    if (carrier_has(carrier, CARRIER_BAGGAGE))
        read_baggage(carrier, origin, carried);
}

void propagator_extract(uint64_t propagators, const struct carrier *carrier, struct origin *origin,
                        struct carried *carried)
{
    memset(origin, 0, sizeof *origin);
#define PROPAGATOR(identifier, name)                                                               \
    if (propagators & PROPAGATOR_##identifier)                                                     \
        name##_extract(carrier, origin, carried);
#include "agent/span/propagators.def"
#undef PROPAGATOR
}
