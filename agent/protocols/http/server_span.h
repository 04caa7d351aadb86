// SPDX-License-Identifier: Apache-2.0
/* server_span.h - what an HTTP server span says (OpenTelemetry HTTP semantic conventions).
 *
 * A request's head is described when it is read, because its bytes belong to the application
 * and are gone afterwards; name and route follow with the response, whose status tells whether a
 * path is worth becoming a route. */
#ifndef AGENT_SERVER_SPAN_H
#define AGENT_SERVER_SPAN_H

#include "agent/protocols/http/http1.h"
#include "agent/span/span.h"
#include "agent/work/exchange.h"

struct peer;

/* Working memory, aligned to 8 bytes: the caller's stack may be small. */
#define SERVER_SPAN_SCRATCH_BYTES 2792

void server_span_request(struct span *span, const struct http1_request *request,
                         const struct peer *peer, char scratch[SERVER_SPAN_SCRATCH_BYTES]);

void server_span_response(struct span *span, const struct http1_response *response,
                          char scratch[SERVER_SPAN_SCRATCH_BYTES]);

/* Name and route for a span that was begun by a process that is gone, where nobody answered. On one
 * thread. */
void server_span_unanswered(struct span *span);

/* The exchanges that have such a span. */
extern const struct exchange_kind server_span_exchange;

#endif
