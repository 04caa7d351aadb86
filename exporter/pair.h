// SPDX-License-Identifier: Apache-2.0
/* pair.h - lists of key=value, as OTEL_RESOURCE_ATTRIBUTES and OTEL_EXPORTER_OTLP_HEADERS hold
 * them: comma-separated, spaces around keys and values ignored, values percent-encoded.
 * Source: OpenTelemetry specification, "Resource SDK", and W3C Baggage, 3.2.1. */
#ifndef EXPORTER_PAIR_H
#define EXPORTER_PAIR_H

#include "agent/slice.h"

struct pair {
    struct slice key;   /* a part of the list */
    struct slice value; /* decoded, in the caller's buffer */
};

/* Takes the first pair off `rest`; values beyond `capacity` bytes are cut. Items without a key or
 * without '=' are skipped. False at the end of the list. */
bool pair_next(struct slice *rest, struct pair *pair, char *buffer, size_t capacity);

#endif
