// SPDX-License-Identifier: Apache-2.0
#include "agent/work/propagate.h"

#include "agent/span/propagation.h"
#include "agent/work/context.h"
#include "agent/work/exchange_carried.h"

_Static_assert(PROPAGATE_BYTES >= CARRIED_TRACESTATE_BYTES &&
                   PROPAGATE_BYTES >= CARRIED_BAGGAGE_BYTES,
               "each of them fits");

struct lines {
    const struct span_context *self;
    char *room;
    void (*write)(void *context, struct slice name, struct slice value);
    void *context;
};

static void tracecontext_inject(const struct lines *lines)
{
    char traceparent[PROPAGATION_TRACEPARENT_BYTES];
    propagation_format_traceparent(lines->self, traceparent);
    lines->write(lines->context, SLICE_LITERAL("traceparent"),
                 (struct slice){traceparent, sizeof traceparent});

    size_t length = exchange_copy_tracestate(context_current(), lines->room);
    if (length)
        lines->write(lines->context, SLICE_LITERAL("tracestate"),
                     (struct slice){lines->room, length});
}

static void baggage_inject(const struct lines *lines)
{
    size_t length = exchange_copy_baggage(context_current(), lines->room);
    if (length)
        lines->write(lines->context, SLICE_LITERAL("baggage"), (struct slice){lines->room, length});
}

// NOLINTNEXTLINE(readability-non-const-parameter): it is written to, by way of `lines`
void propagate(const struct span_context *self, char room[PROPAGATE_BYTES],
               void (*line)(void *context, struct slice name, struct slice value), void *context)
{
    const struct lines lines = {self, room, line, context};
#define PROPAGATOR(identifier, name)                                                               \
    if (propagation_fields & PROPAGATOR_##identifier)                                              \
        name##_inject(&lines);
#include "agent/span/propagators.def"
#undef PROPAGATOR
}
