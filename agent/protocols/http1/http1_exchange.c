// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http1/http1_exchange.h"

#include "agent/protocols/http/http1_telemetry.h"
#include "agent/protocols/http/served.h"
#include "agent/protocols/http/server_span.h"
#include "agent/work/with_sdk.h"

/* Is it none that anybody wants a span of? */
__attribute__((always_inline)) static inline bool leaves_out(const struct http1_request *request)
{
    if (http1_telemetry(request)) {
        with_sdk_telemetry_came();
        return true;
    }
    return served_is_watched() && served_leaves_out(request->target);
}

__attribute__((noinline)) void http1_exchange_begin(struct exchange *exchange,
                                                    const struct peer *peer, uint64_t start_ns)
{
    const struct http1_request *request = &http1_head(exchange)->request;
    /* Not on the stack, which may be small. */
    struct carrier *carrier = (struct carrier *)(void *)exchange_scratch(exchange);
    *carrier = http1_carrier(&request->fields);
    if (!exchange_begin(exchange, &server_span_exchange, carrier, leaves_out(request), start_ns))
        return;
    server_span_request(exchange, request, peer);
    exchange_told(exchange);
}

void http1_exchange_answered(struct exchange *exchange)
{
    const struct http1_response *response = &http1_head(exchange)->response;
    exchange_answered(exchange, (uint16_t)response->status);
    if (exchange->recording)
        server_span_response(exchange, response);
}
