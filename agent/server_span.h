// SPDX-License-Identifier: Apache-2.0
/* server_span.h - what an HTTP server span says (OpenTelemetry HTTP semantic conventions).
 *
 * A request's head is described when it is read, because its bytes belong to the application
 * and are gone afterwards; name and route follow with the response, whose status tells whether a
 * path is worth becoming a route. */
#ifndef AGENT_SERVER_SPAN_H
#define AGENT_SERVER_SPAN_H

#include "agent/http1.h"
#include "agent/span.h"

struct peer;

/* `scratch` is working memory of any size for redacted texts; what does not fit is cut. */
void server_span_request(struct span *span, const struct http1_request *request,
                         const struct peer *peer, char *scratch, size_t scratch_bytes);

void server_span_response(struct span *span, const struct http1_response *response);

/* Name and route, from the method and path that the span carries. status: 0 where the request was
 * never answered. */
void server_span_name(struct span *span, unsigned status);

#endif
