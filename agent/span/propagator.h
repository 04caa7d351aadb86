// SPDX-License-Identifier: Apache-2.0
/* propagator.h - where a request says it comes from, and what a request of the application's own
 * says of that.
 *
 * Each propagator is a row (config/propagators.def) and a file; what it reads is a carrier,
 * whatever the protocol, and the names of its fields are rows of carrier_fields.def. No other file
 * names one. Those that the configuration names are asked, in the order of the rows. */
#ifndef AGENT_PROPAGATOR_H
#define AGENT_PROPAGATOR_H

#include "agent/span/carrier.h"
#include "agent/span/propagation.h"
#include "agent/span/span.h"
#include "config/config.h"

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

/* A request of the application's own that is about to go out. */
struct outgoing {
    const struct span_context *self;
    /* What came along with the request that the thread works for; 0: nothing. At most
     * CARRIED_TRACESTATE_BYTES and CARRIED_BAGGAGE_BYTES. */
    size_t (*copy_tracestate)(char *into);
    size_t (*copy_baggage)(char *into);
    char *room; /* for what is copied, until it is written */
    void (*write)(void *context, struct slice name, struct slice value);
    void *context;
};

/* Which of them are asked (OTEL_PROPAGATORS). Before the first span. */
void propagator_prepare(const struct config *config);

/* What the carrier says: the parent's context, absent where there is none, and what is carried,
 * whatever was in it before. */
void propagator_extract(const struct carrier *carrier, struct span_context *parent,
                        struct carried *carried, struct carried_text *text);

/* Writes the fields that go out, which are no more than CARRIER_FIELDS. */
void propagator_inject(const struct outgoing *outgoing);

/* Does a field of that name, in any case, say where a request comes from? Who writes one himself
 * wants none of ours. */
bool propagator_is_named(struct slice name);

/* ---- for propagators ---- */

/* A field, unless its value is empty. */
void outgoing_write(const struct outgoing *outgoing, enum carrier_field field, const char *value,
                    size_t length);

/* What each defines. The last is the field that says the parent; CARRIER_FIELDS: none does. */
#define PROPAGATOR(identifier, name)                                                               \
    void name##_extract(const struct carrier *carrier, struct span_context *parent,                \
                        struct carried *carried, struct carried_text *text);                       \
    void name##_inject(const struct outgoing *outgoing);                                           \
    extern const enum carrier_field name##_parent;
#include "config/propagators.def"
#undef PROPAGATOR

#endif
