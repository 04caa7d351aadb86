// SPDX-License-Identifier: Apache-2.0
/* working.h - the thread works for a request that nobody has sent, for tests of what it calls. */
#ifndef TESTS_UNIT_WORKING_H
#define TESTS_UNIT_WORKING_H

#include <stdio.h>

#include "agent/net/connection.h"
#include "agent/protocols/http1/http1_exchange.h"
#include "agent/work/context.h"
#include "agent/work/exchange.h"

/* For one with these header lines, each with its line end. To be forgotten by stop_working(). */
static inline struct exchange *start_working(const char *lines)
{
    static char head[16384]; /* the exchange keeps none of it */
    static const struct peer nobody;
    struct context context;
    int length = snprintf(head, sizeof head, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
    struct exchange *exchange = exchange_take();
    if (!exchange || http1_parse_request((struct slice){head, (size_t)length}, HTTP1_WANT_ALL,
                                         &http1_head(exchange)->request) != PARSE_OK)
        return NULL;
    http1_exchange_begin(exchange, &nobody, 1);
    if (!exchange_copy_context(exchange, &context))
        return NULL;
    reading_begin(&exchange->reading, true);
    context_set(&context);
    return exchange;
}

static inline void stop_working(struct exchange *exchange)
{
    context_clear();
    exchange_forget(exchange);
}

#endif
