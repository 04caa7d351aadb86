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

/* What came along with a request, for what is asked while it is answered: so much of it, and the
 * texts, which are not on the stack, because that may be small. */
struct carried {
    uint16_t tracestate_bytes;
    uint16_t baggage_bytes;
};

struct carried_text {
    struct slice lines[CARRIED_LINES_MOST]; /* working memory */
    char tracestate[CARRIED_TRACESTATE_BYTES];
    char baggage[CARRIED_BAGGAGE_BYTES];
};

/* What the carrier says to those propagators (PROPAGATOR_* of config.h): the parent's context,
 * absent where there is none, and what is carried, whatever was in it before. */
void propagator_extract(uint64_t propagators, const struct carrier *carrier,
                        struct span_context *parent, struct carried *carried,
                        struct carried_text *text);

#endif
