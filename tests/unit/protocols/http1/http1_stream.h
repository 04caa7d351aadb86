// SPDX-License-Identifier: Apache-2.0
/* http1_stream.h - a whole byte stream read the way a connection reads it, and told as text.
 *
 * The bytes arrive in pieces; heads are gathered, bodies are fed. The text has one line a
 * message, so that two ways of cutting the same stream are compared by strcmp, and a vector's
 * expectation is what a person would write:
 *
 *     POST /a 1.1 {Host=b, Content-Length=5} length:5 keep
 *     200 "OK" 1.1 {} until-close:12 close
 *     bad head | cut head 7 | rest 3
 *
 * Behind a body: `cut` (the stream ended first), `bad`, `overridden` (Transfer-Encoding beat
 * Content-Length), `interim` (another response follows). On the way the invariants of the
 * interface are checked: slices lie within their head, find_head and parse agree, fields found
 * by table are those found by walking. */
#ifndef TESTS_HTTP1_STREAM_H
#define TESTS_HTTP1_STREAM_H

#include "agent/protocols/http1/http1_body.h"
#include "tests/unit/guarded.h"

struct http1_stream {
    struct slice bytes;
    bool responses;
    const char *methods; /* of the requests answered, one letter each: 'G', 'H'EAD, 'C'ONNECT */
};

struct http1_pieces {
    size_t first; /* bytes in the first read */
    size_t rest;  /* bytes in each later read */
};

struct http1_text {
    char at[16384]; /* terminated; cut where it is full */
    size_t length;
    const char *broken; /* the first invariant that did not hold; NULL: all held */
};

/* `memory` holds the pieces while they are parsed. */
void http1_stream_read(const struct http1_stream *stream, struct http1_pieces pieces,
                       const struct guarded *memory, struct http1_text *text);

#endif
