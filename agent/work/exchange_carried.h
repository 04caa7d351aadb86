// SPDX-License-Identifier: Apache-2.0
/* exchange_carried.h - what came along with the request that a thread works for, copied out.
 *
 * Any thread, at any time: the exchange may end meanwhile, and its slot be another's. */
#ifndef AGENT_EXCHANGE_CARRIED_H
#define AGENT_EXCHANGE_CARRIED_H

#include <stddef.h>

#include "agent/span/propagator.h"
#include "agent/work/context.h"

/* Copies what the exchange of that context carried along; 0 bytes where the exchange is gone, or
 * the context doubtful. */
size_t exchange_copy_tracestate(const struct context *context, char into[CARRIED_TRACESTATE_BYTES]);
size_t exchange_copy_baggage(const struct context *context, char into[CARRIED_BAGGAGE_BYTES]);

#endif
