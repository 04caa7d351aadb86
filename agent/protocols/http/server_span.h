// SPDX-License-Identifier: Apache-2.0
/* server_span.h - what is kept of a request for its HTTP server span.
 *
 * A request's head is looked at when it is read, because its bytes belong to the application and
 * are gone afterwards: facts (http_facts.h) are copied, without what is secret. What they are
 * called, and the route, follow where spans are exported. */
#ifndef AGENT_SERVER_SPAN_H
#define AGENT_SERVER_SPAN_H

#include "agent/protocols/http/http1.h"
#include "agent/span/span.h"
#include "agent/work/exchange.h"

struct peer;

/* Both use the exchange's scratch. */
void server_span_request(struct exchange *exchange, const struct http1_request *request,
                         const struct peer *peer);
void server_span_response(struct exchange *exchange, const struct http1_response *response);

/* The exchanges that have such a span. */
extern const struct exchange_kind server_span_exchange;

#endif
