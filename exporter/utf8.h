// SPDX-License-Identifier: Apache-2.0
/* utf8.h - text that any collector accepts.
 *
 * A protobuf string must be valid UTF-8; one bad byte makes a collector refuse the whole batch.
 * Text of applications is whatever bytes they sent, so each text passes through here. Nearly all
 * is ASCII and is only looked at, eight bytes a step. */
#ifndef EXPORTER_UTF8_H
#define EXPORTER_UTF8_H

#include "agent/slice.h"

/* Scratch bytes that utf8_clean() needs for a text of n bytes: U+FFFD takes three. */
#define UTF8_SCRATCH(n) ((size_t)(n)*3)

/* `text` cut to `limit` characters, each maximal invalid sequence replaced by U+FFFD (Unicode,
 * 3.9, "substitution of maximal subparts"), and so NUL, at which C programs would cut the text.
 * Returns a part of `text` where nothing had to be replaced, else `scratch`. */
struct slice utf8_clean(struct slice text, size_t limit, char *scratch);

#endif
