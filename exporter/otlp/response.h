// SPDX-License-Identifier: Apache-2.0
/* response.h - what the body of a collector's answer says about a batch.
 *
 * Pure but for the arena, which it resets: what it hands out lies there or in the body, and lasts
 * until the next call. A body that can't be read says nothing: some backends answer in JSON, or
 * with a text.
 * Source: OTLP specification, "OTLP/HTTP Response". */
#ifndef EXPORTER_RESPONSE_H
#define EXPORTER_RESPONSE_H

#include <stdint.h>

#include "agent/base/slice.h"
#include "exporter/base/arena.h"

/* Of an ExportTraceServiceResponse. */
struct response {
    uint64_t rejected;   /* spans the collector refused, at most the batch's */
    const char *message; /* never NULL */
};

/* The body of a success after a batch of `spans`. */
struct response response_read(struct arena *arena, struct slice body, uint64_t spans);

/* The message of a failure's body: of the google.rpc.Status that the protocol foresees, else the
 * body itself, its first bytes. */
struct slice response_failure(struct arena *arena, struct slice body);

#endif
