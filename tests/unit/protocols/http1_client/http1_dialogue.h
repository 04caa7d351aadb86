// SPDX-License-Identifier: Apache-2.0
/* http1_dialogue.h - what goes and comes on a client's connection, through the seam, and the spans
 * that come of it as text.
 *
 * A dialogue is steps, each two bytes and those that follow: the two high bits of the first say
 * what it is, the other bits how many bytes follow. A span is a line: its name, then all that it
 * says, `#N value` or
 * `#N=value` by the number of the attribute, `@N` for an event; but no times and ids. */
#ifndef TESTS_HTTP1_DIALOGUE_H
#define TESTS_HTTP1_DIALOGUE_H

#include <stdint.h>

#include "agent/base/slice.h"
#include "tests/unit/guarded.h"

#define HTTP1_DIALOGUE_FD 900

enum http1_step {
    HTTP1_STEP_SENT = 0x00,
    HTTP1_STEP_RECEIVED = 0x40,
    HTTP1_STEP_CROSSED = 0x80, /* received while the next bytes that go are on their way */
    HTTP1_STEP_UNSEEN = 0xc0,  /* received, but nobody saw them */
    HTTP1_STEP_KIND = 0xc0
};

#define HTTP1_STEP_MOST 0x3fff

struct http1_told {
    char at[65536]; /* terminated; cut where it is full */
    size_t length;
};

/* Connects, plays the steps in pieces of so many bytes at most, and closes. `memory` holds each
 * piece while it is looked at. */
void http1_dialogue_play(struct slice steps, size_t piece, const struct guarded *memory,
                         struct http1_told *told);

/* The spans that are in the ring, which is empty then. */
void http1_dialogue_tell(struct http1_told *told);

/* Is the connection still read along? */
bool http1_dialogue_is_read(void);

#endif
