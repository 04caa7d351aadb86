// SPDX-License-Identifier: Apache-2.0
/* mysql_span.h - what is written down of a database call, for agent/describe to make a span of.
 *
 * The span of a statement lasts as long as the call that sends it and waits for the answer's
 * beginning; fetching rows is not in it, and so `db.response.returned_rows` is left out: the
 * number is known only after later calls, that need not come. Rows that a write affected are
 * known at once. */
#ifndef AGENT_MYSQL_SPAN_H
#define AGENT_MYSQL_SPAN_H

#include "agent/libraries/mysql/mysql_error.h"
#include "agent/libraries/mysql/mysql_handle.h"
#include "agent/work/client_span.h"
#include "config/config.h"

/* What was configured. Written by mysql_span_prepare(), before the first call; only read otherwise.
 */
struct mysql_settings {
    int64_t slow_ms;   /* a statement that takes as long is slow; 0: none is */
    bool has_sessions; /* connects and kin have a span as statements do */
};

extern struct mysql_settings mysql_settings;
void mysql_span_prepare(const struct config *config);

/* An earlier attempt of the same statement. */
struct mysql_attempt {
    unsigned number;      /* of this one: 2, 3, ...; 0 or 1: it is the first */
    unsigned failed_with; /* what the one before failed with */
    uint64_t failed_ns;
};

/* All that is known of a call at its end. */
struct mysql_outcome {
    const struct mysql_handle *handle;
    const struct mysql_place *place; /* needed where it is described */
    const struct sql *sql;           /* NULL: no statement */
    bool is_plain;                   /* it has text and operation only */
    bool masked;                     /* something in it was hidden */
    struct slice operation;          /* `CONNECT` and kin, where there is no statement */
    bool failed;
    struct mysql_error error;
    bool writes; /* `affected_rows` counts */
    uint64_t affected_rows;
    struct mysql_attempt attempt;
    uint64_t start_ns;
    uint64_t end_ns;
};

/* Facts, and what calls that failed, were slow or tried again say besides. */
void mysql_span_describe(struct span *span, const struct mysql_outcome *outcome);

#endif
