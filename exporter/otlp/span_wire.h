// SPDX-License-Identifier: Apache-2.0
/* span_wire.h - a record as a Span of the OpenTelemetry protocol. */
#ifndef EXPORTER_SPAN_WIRE_H
#define EXPORTER_SPAN_WIRE_H

#include <stdint.h>

#include "agent/span/span.h"
#include "config/config.h"

#define OTLP_FLAG_HAS_REMOTE 0x100u /* Span.flags: the next bit is meaningful */
#define OTLP_FLAG_IS_REMOTE  0x200u /* Span.flags: the parent lives in another process */

/* What encoding a span needs. */
struct span_wire {
    const struct config *config;
    char *scratch; /* room for the repaired text of any record */
};

/* Writes a sound record as the next Span of a ScopeSpans, into room that the caller knows to be
 * enough (otlp.c); returns the position after it. */
unsigned char *span_wire_put(const struct span_wire *wire, unsigned char *at,
                             const struct span_record *record, int64_t unix_offset_ns);

#endif
