// SPDX-License-Identifier: Apache-2.0
/* propagator.h - where a request says it comes from, read from a carrier by those propagators
 * (propagators.def) that the configuration names. */
#ifndef AGENT_PROPAGATOR_H
#define AGENT_PROPAGATOR_H

#include "agent/span/carrier.h"
#include "agent/span/propagation.h"
#include "agent/span/span.h"

#define CARRIED_LINES_MOST       8 /* of one field that are joined */
#define CARRIED_TRACESTATE_BYTES PROPAGATION_TRACESTATE_BYTES
/* Baggage and tracestate together, because both go out with the application's own requests. W3C
 * Baggage, 3.3.2 wants 8,192 for baggage alone; but many servers take no longer header, so that
 * strangers could make those requests fail. */
#define CARRIED_BAGGAGE_BYTES 4096

/* What came along with a request, for what is asked while it is answered. Not on the stack, which
 * may be small. */
struct carried {
    struct slice lines[CARRIED_LINES_MOST]; /* working memory */
    char tracestate[CARRIED_TRACESTATE_BYTES];
    char baggage[CARRIED_BAGGAGE_BYTES];
};

struct origin {
    struct span_context parent; /* absent: !span_context_present() */
    uint16_t tracestate_bytes;  /* of what is carried */
    uint16_t baggage_bytes;
};

/* `propagators`: PROPAGATOR_* of config.h. */
void propagator_extract(uint64_t propagators, const struct carrier *carrier, struct origin *origin,
                        struct carried *carried);

#endif
