// SPDX-License-Identifier: Apache-2.0
/* served.h - what a request tells about its process: it is a server, unless the request is one
 * that nobody wants to hear of (OTEL_AGENT_HTTP_IGNORE), such as a worker's health check. */
#ifndef AGENT_SERVED_H
#define AGENT_SERVED_H

#include <stdatomic.h>
#include <stdbool.h>

#include "agent/base/slice.h"
#include "config/config.h"

extern _Atomic bool served_watched;

/* Has each request to be looked at? Where no path is ignored, only until the first one has been.
 * Relaxed: one more does not matter. */
static inline bool served_is_watched(void)
{
    return __builtin_expect(atomic_load_explicit(&served_watched, memory_order_relaxed), false);
}

/* A request was read, and its context is not known to others yet. True: it is one to leave out,
 * with all that is asked for it; counted. */
bool served_leaves_out(struct slice target);

/* Takes which paths are ignored; `config` outlives it. Warns of what is not used. */
void served_prepare(const struct config *config);

#endif
