// SPDX-License-Identifier: Apache-2.0
/* redis_span.h - what a span of Redis says (OpenTelemetry semantic conventions for Redis). */
#ifndef AGENT_REDIS_SPAN_H
#define AGENT_REDIS_SPAN_H

#include "agent/base/peer.h"
#include "agent/protocols/redis/redis_batch.h"
#include "agent/span/span.h"

/* When all commands are known. */
void redis_span_asked(struct span *span, const struct peer *peer, const struct redis_asked *asked);

/* When all answers are. */
void redis_span_answered(struct span *span, const struct redis_answered *answered, uint64_t end_ns);

#endif
