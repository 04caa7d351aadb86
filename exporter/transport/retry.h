// SPDX-License-Identifier: Apache-2.0
/* retry.h - whether to send a batch again, and when.
 *
 * Pure: clock and chance are arguments. What may be sent again follows the protocol: 429, 502,
 * 503, 504 and connection failures; anything else would fail the same way a second time.
 * Source: OTLP specification, "OTLP/HTTP Response" and "Throttling"; RFC 9110, 10.2.3. */
#ifndef EXPORTER_RETRY_H
#define EXPORTER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

enum retry_verdict { RETRY_SUCCESS, RETRY_AGAIN, RETRY_DROP };

struct retry_attempt {
    bool enabled;           /* OTEL_AGENT_EXPORT_RETRY */
    bool answered;          /* false: the connection failed; status means nothing */
    int status;             /* HTTP status */
    int64_t retry_after_ms; /* -1: the server did not say */
    unsigned number;        /* 1: the first attempt of this batch */
    int64_t left_ms;        /* of the batch's export timeout */
    uint32_t chance;        /* any random number */
};

struct retry_decision {
    enum retry_verdict verdict;
    int64_t wait_ms; /* RETRY_AGAIN: before the next attempt */
};

struct retry_decision retry_decide(const struct retry_attempt *attempt);

/* Value of a Retry-After field in milliseconds from `unix_s` (seconds since 1970): a number of
 * seconds or one of the three forms of an HTTP date. -1 where it can't be read; 0 for a date
 * that has passed; at most a day. */
int64_t retry_after_ms(struct slice value, int64_t unix_s);

#endif
