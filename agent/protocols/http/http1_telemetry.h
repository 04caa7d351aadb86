// SPDX-License-Identifier: Apache-2.0
/* http1_telemetry.h - is an HTTP/1 request one, or a post of telemetry (telemetry.h)? */
#ifndef AGENT_HTTP1_TELEMETRY_H
#define AGENT_HTTP1_TELEMETRY_H

#include "agent/protocols/http/http1.h"
#include "agent/text/telemetry.h"

/* Not inlined: most requests are told by their method alone. */
enum telemetry http1_judge_telemetry(const struct http1_request *request);

/* TELEMETRY_NONE: it is a request. */
static inline enum telemetry http1_telemetry(const struct http1_request *request)
{
    return __builtin_expect(telemetry_may_be(request->method), false)
               ? http1_judge_telemetry(request)
               : TELEMETRY_NONE;
}

#endif
