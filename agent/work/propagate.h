// SPDX-License-Identifier: Apache-2.0
/* propagate.h - what goes out with a request of the application's own, so that the other side
 * continues the trace. */
#ifndef AGENT_PROPAGATE_H
#define AGENT_PROPAGATE_H

#include "agent/base/slice.h"
#include "agent/span/propagator.h"
#include "agent/span/span.h"

/* The header lines that carry `self`, and what the request that this thread works for brought
 * along, as the configured propagators say: `line(context, name, value)` is called for each. They
 * are no more than CARRIER_FIELDS. Values hold no CR, LF or NUL; they lie in `room`, until the next
 * one. */
#define PROPAGATE_BYTES CARRIED_BAGGAGE_BYTES
void propagate(const struct span_context *self, char room[PROPAGATE_BYTES],
               void (*line)(void *context, struct slice name, struct slice value), void *context);

#endif
