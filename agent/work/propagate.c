// SPDX-License-Identifier: Apache-2.0
#include "agent/work/propagate.h"

#include "agent/span/propagator.h"
#include "agent/work/context.h"
#include "agent/work/exchange_carried.h"

_Static_assert(PROPAGATE_BYTES >= CARRIED_TRACESTATE_BYTES &&
                   PROPAGATE_BYTES >= CARRIED_BAGGAGE_BYTES,
               "each of them fits");

static size_t copy_tracestate(char *into)
{
    return exchange_copy_tracestate(context_current(), into);
}

static size_t copy_baggage(char *into)
{
    return exchange_copy_baggage(context_current(), into);
}

// NOLINTNEXTLINE(readability-non-const-parameter): it is written to, by way of `outgoing`
void propagate(const struct span_context *self, char room[PROPAGATE_BYTES],
               void (*line)(void *context, struct slice name, struct slice value), void *context)
{
    const struct outgoing outgoing = {self, copy_tracestate, copy_baggage, room, line, context};
    propagator_inject(&outgoing);
}
