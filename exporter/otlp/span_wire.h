// SPDX-License-Identifier: Apache-2.0
/* span_wire.h - a record as a Span of the OpenTelemetry protocol. */
#ifndef EXPORTER_SPAN_WIRE_H
#define EXPORTER_SPAN_WIRE_H

#include <stdint.h>

#include "agent/span/span.h"
#include "config/config.h"
#include "exporter/otlp/memo.h"

#define OTLP_FLAG_HAS_REMOTE 0x100u /* Span.flags: the next bit is meaningful */
#define OTLP_FLAG_IS_REMOTE  0x200u /* Span.flags: the parent lives in another process */

#define SPAN_WIRE_WORDS_BYTES 32768

/* What encoding a span needs. */
struct span_wire {
    const struct config *config;
    char *scratch;    /* room for the repaired text of any record */
    void *words;      /* SPAN_WIRE_WORDS_BYTES, aligned to 8: for what facts make */
    struct memo memo; /* of that, encoded */
};

/* Writes a sound record, whose facts are described (describe.h), as the next Span of a ScopeSpans,
 * into room that the caller knows to be enough (otlp.c); returns the position after it. */
unsigned char *span_wire_put(struct span_wire *wire, unsigned char *at,
                             const struct span_record *record, int64_t unix_offset_ns);

#endif
