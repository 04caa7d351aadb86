// SPDX-License-Identifier: Apache-2.0
/* frames_text.h - stack traces in words.
 *
 * A line a frame, the innermost first: "place_order+0x4f (shop)", or "libshop.so.1+0x11f2" where
 * the function has no name. Only a file's name is said, not where it lies. */
#ifndef EXPORTER_FRAMES_TEXT_H
#define EXPORTER_FRAMES_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/span/span.h"
#include "exporter/symbols.h"

#define FRAMES_TEXT_BYTES 4096 /* what would be longer ends with the last line that fits */

/* What a record can grow to. */
#define FRAMES_RECORD_BYTES(bytes) ((bytes) + 2 * (FRAMES_TEXT_BYTES + 8))

/* Writes the trace at `out` and returns it. Its bytes may be anybody's. */
struct slice frames_text(struct symbols *symbols, struct slice frames, char out[FRAMES_TEXT_BYTES]);

/* A copy of the record, at `to`, with its traces in words: `exception.stacktrace`, and the older
 * `error.stack`. */
void frames_spell(struct symbols *symbols, const struct span_record *record, void *to,
                  uint32_t capacity);

#endif
