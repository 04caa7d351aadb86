// SPDX-License-Identifier: Apache-2.0
/* memcached_span.h - what a span of memcached says (OpenTelemetry semantic conventions for database
 * clients). */
#ifndef AGENT_MEMCACHED_SPAN_H
#define AGENT_MEMCACHED_SPAN_H

#include "agent/base/peer.h"
#include "agent/protocols/memcached/memcached_batch.h"
#include "agent/span/span.h"

/* When all commands are known. */
void memcached_span_asked(struct span *span, const struct peer *peer,
                          const struct memcached_asked *asked);

/* When all answers are. */
void memcached_span_answered(struct span *span, const struct memcached_answered *answered,
                             uint64_t end_ns);

#endif
