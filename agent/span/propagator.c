// SPDX-License-Identifier: Apache-2.0
#include "agent/span/propagator.h"

#include <string.h>

const struct slice carrier_names[CARRIER_FIELDS] = {
#define CARRIER_FIELD(identifier, letter, name) {name, sizeof(name) - 1},
#include "agent/span/carrier_fields.def"
#undef CARRIER_FIELD
};

/* Those of OTEL_PROPAGATORS. Written before the first span; only read otherwise. */
static unsigned chosen;

void propagator_prepare(const struct config *config)
{
    chosen = config->propagators;
}

void propagator_extract(const struct carrier *carrier, struct span_context *parent,
                        struct carried *carried, struct carried_text *text)
{
    memset(parent, 0, sizeof *parent);
    *carried = (struct carried){0, 0};
#define PROPAGATOR(identifier, name)                                                               \
    if (chosen & PROPAGATOR_##identifier)                                                          \
        name##_extract(carrier, parent, carried, text);
#include "config/propagators.def"
#undef PROPAGATOR
}

void propagator_inject(const struct outgoing *outgoing)
{
#define PROPAGATOR(identifier, name)                                                               \
    if (chosen & PROPAGATOR_##identifier)                                                          \
        name##_inject(outgoing);
#include "config/propagators.def"
#undef PROPAGATOR
}

bool propagator_is_named(struct slice name)
{
    static const enum carrier_field *const parents[] = {
#define PROPAGATOR(identifier, name) &name##_parent,
#include "config/propagators.def"
#undef PROPAGATOR
    };
    for (size_t i = 0; i < CONFIG_PROPAGATORS; i++)
        if (*parents[i] < CARRIER_FIELDS && slice_equal_nocase(name, carrier_names[*parents[i]]))
            return true;
    return false;
}

void outgoing_write(const struct outgoing *outgoing, enum carrier_field field, const char *value,
                    size_t length)
{
    if (length)
        outgoing->write(outgoing->context, carrier_names[field], (struct slice){value, length});
}
