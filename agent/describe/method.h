// SPDX-License-Identifier: Apache-2.0
/* method.h - HTTP methods as attributes.
 *
 * A span's name and http.request.method take one of ten values, or a client could make as many as
 * it likes (OpenTelemetry HTTP semantic conventions). */
#ifndef AGENT_METHOD_H
#define AGENT_METHOD_H

#include "agent/span/span.h"

/* Records the method: as it is where it is known, else as `_OTHER` with the original beside it.
 * Returns what stands for it in the span's name: the method, or `HTTP`. */
struct slice method_describe(struct span *span, struct slice method);

/* The same from a span that has been described. */
struct slice method_in_name(const struct span_record *record);

/* May these first bytes of an unknown socket be those of a known method and the space behind it? */
bool method_may_begin(struct slice bytes);

#endif
