// SPDX-License-Identifier: Apache-2.0
/* propagation.h - W3C Trace Context and Baggage as header values.
 *
 * What arrives here was written by strangers and goes out again in our own requests. So a
 * `traceparent` is either well-formed or absent, and what is carried along is what the grammar of
 * `tracestate` or `baggage` allows: no byte that could end a header line, nothing that a shell
 * takes for a function. A broken `tracestate` or `baggage` never costs the `traceparent`.
 *
 * Source: W3C Trace Context (level 1, and level 2 for the random flag and the wider tracestate
 * keys), W3C Baggage. */
#ifndef AGENT_PROPAGATION_H
#define AGENT_PROPAGATION_H

#include "agent/base/slice.h"
#include "agent/span/span.h"

#define PROPAGATION_TRACEPARENT_BYTES 55  /* version 00 */
#define PROPAGATION_TRACESTATE_BYTES  512 /* carried unchanged up to here (3.3.1.5) */
#define PROPAGATION_TRACESTATE_LIST   32  /* members at most (3.3.1.1) */
#define PROPAGATION_BAGGAGE_LIST      64  /* members at most (Baggage, 3.3.2) */

/* Reads a header value; spaces and tabs around it are skipped. False, and *out untouched, where it
 * is not well-formed. Of version 00 the sampled and random flags are kept; of a higher version the
 * first 55 characters are understood and only the sampled flag is trusted (3.2.4). Sets
 * out->remote. A request with two traceparent lines has no parent: the caller counts them. */
bool propagation_parse_traceparent(struct slice value, struct span_context *out);

/* Writes exactly PROPAGATION_TRACEPARENT_BYTES, no terminator: version 00, lower case. */
void propagation_format_traceparent(const struct span_context *context,
                                    char out[PROPAGATION_TRACEPARENT_BYTES]);

/* Is this one line's worth of list members, 32 at most, each key=value of the allowed
 * characters? Empty members are allowed and count (3.3.1.1). Repeated keys are allowed, too: who
 * did not write them may carry both (level 2, 3.5). */
bool propagation_is_tracestate(struct slice value);

/* Joins `count` field lines, in order, into `out` and returns what stands there. SLICE_NONE where a
 * line is invalid, all are empty, or there are more than 32 members: then none of it may travel.
 * Up to 512 bytes the text is kept as it is. Above, or above `capacity`, whole members are left
 * out: those over 128 characters first, then from the end (3.3.1.5). */
struct slice propagation_join_tracestate(const struct slice *lines, size_t count, char *out,
                                         size_t capacity);

/* Joins baggage lines likewise: the list members as they stand, without the white space around
 * them, by commas; empty ones are left out. SLICE_NONE where there are none, one is not as the
 * grammar has it (3.3.1; a `%` that begins no %HH is not, 3.3.1.3), they are more than 64, or the
 * result would be longer than `capacity`: a list cut in the middle could change its meaning, so it
 * is carried whole or not at all. Repeated keys are allowed and stay in order (3.3.1.1). */
struct slice propagation_join_baggage(const struct slice *lines, size_t count, char *out,
                                      size_t capacity);

#endif
