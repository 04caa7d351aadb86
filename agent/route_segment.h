// SPDX-License-Identifier: Apache-2.0
/* route_segment.h - is a path segment a word of the program, or a value of this request?
 *
 * Numbers, dates, UUIDs, hashes, tokens, mail addresses and free text are values. In doubt between
 * the two a value is the better answer for privacy, a word for usefulness: short and readable
 * words stay, whatever the bounded set does not hold is no route anyway. */
#ifndef AGENT_ROUTE_SEGMENT_H
#define AGENT_ROUTE_SEGMENT_H

#include "agent/slice.h"

/* `segment` is not empty and holds no slash. */
bool route_segment_is_value(struct slice segment);

/* The file extension with its dot (`.png`): at most 5 letters and digits with a letter among them.
 * Empty where there is none, nothing before it, or the segment is free text. */
struct slice route_segment_extension(struct slice segment);

#endif
