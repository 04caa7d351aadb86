// SPDX-License-Identifier: Apache-2.0
/* http_server.h - what an HTTP server span says (OpenTelemetry HTTP semantic conventions). */
#ifndef AGENT_HTTP_SERVER_H
#define AGENT_HTTP_SERVER_H

#include "agent/describe/plan.h"

/* Adds to the span what those facts (struct http_facts) tell, its name too. The entry may be a
 * stranger's: what does not lie within it is not there. On one thread. */
void http_server_describe(struct span *span, const struct span_entry *facts);

/* The same in parts, as plan.h has it: who asks, and what was asked for and answered. */
bool http_server_plan(const struct span_record *record, struct describe_plan *plan);
bool http_server_part(struct span *span, const struct describe_plan *plan, unsigned part);

#endif
