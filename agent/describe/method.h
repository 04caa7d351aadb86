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

/* The method's number, 1..METHOD_MOST; 0: it is not known. */
#define METHOD_MOST 10
unsigned method_number(struct slice method);

/* A method that is not known, as it may be told: short, and no secret by its shape (then with
 * *masked set). */
struct slice method_shown(struct slice method, bool *masked);

/* Records the method of that number; of 0, `original` beside `_OTHER`. Returns what stands for it
 * in the span's name. */
struct slice method_record(struct span *span, unsigned number, struct slice original);

/* May these first bytes of an unknown socket be those of a known method and the space behind it? */
bool method_may_begin(struct slice bytes);

#endif
