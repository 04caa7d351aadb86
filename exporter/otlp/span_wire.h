// SPDX-License-Identifier: Apache-2.0
/* span_wire.h - a record as a Span of the OpenTelemetry protocol. */
#ifndef EXPORTER_SPAN_WIRE_H
#define EXPORTER_SPAN_WIRE_H

#include <stdint.h>

#include "exporter/otlp/span_fields.h"

/* Writes a sound record, whose facts are described (describe.h), as the next Span of a ScopeSpans,
 * into room that the caller knows to be enough (otlp.c); returns the position after it. */
unsigned char *span_wire_put(struct span_wire *wire, unsigned char *at,
                             const struct span_record *record, int64_t unix_offset_ns);

#endif
