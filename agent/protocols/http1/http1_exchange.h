// SPDX-License-Identifier: Apache-2.0
/* http1_exchange.h - an HTTP/1 request and its response as an exchange.
 *
 * Heads are parsed in the exchange that they belong to: a request's in one that was taken for it, a
 * response's in that of its request. */
#ifndef AGENT_HTTP1_EXCHANGE_H
#define AGENT_HTTP1_EXCHANGE_H

#include "agent/protocols/http/http1.h"
#include "agent/work/exchange.h"

struct peer;

/* What parsing a head leaves. */
union http1_head {
    struct http1_request request;
    struct http1_response response;
};

_Static_assert(sizeof(union http1_head) <= EXCHANGE_HEAD_BYTES, "an exchange has room for it");

/* For whoever parses a head of it now. */
static inline union http1_head *http1_head(const struct exchange *exchange)
{
    return (union http1_head *)exchange_head(exchange);
}

/* The exchange that was taken begins with the request in http1_head(). */
void http1_exchange_begin(struct exchange *exchange, const struct peer *peer, uint64_t start_ns);

/* Its final response is in http1_head(). */
void http1_exchange_answered(struct exchange *exchange);

#endif
