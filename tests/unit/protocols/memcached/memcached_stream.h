// SPDX-License-Identifier: Apache-2.0
/* memcached_stream.h - bytes of a memcached connection read the way a connection reads them, told
 * as text.
 *
 * Two ways of cutting the same stream are compared by strcmp, and a vector's expectation is what a
 * person would write. Requests: their words, a `+` behind one that is longer than what is kept; `.`
 * where the line is over, with `n` (noreply), `q` (quiet), `#` (the client chose a word) behind it;
 * `;` where the data are. Answers: `classic`, `meta`, `noop`, `error SERVER_ERROR`, with `x2`
 * (values) and `#`. `lost` where it is.
 *
 * Spans: `get "get k" 1-2`: the operation, the text, at which step it began and ended; then `x3`
 * (batch), `session`, `hidden`, `error SERVER_ERROR`, `values=1`. `open` in place of the last
 * number: it has not ended. `!` behind all: lost. */
#ifndef TESTS_MEMCACHED_STREAM_H
#define TESTS_MEMCACHED_STREAM_H

#include "agent/protocols/memcached/memcached_dialogue.h"
#include "tests/unit/guarded.h"

struct memcached_told {
    char at[65536]; /* terminated; cut where it is full */
    size_t length;
};

struct memcached_pieces {
    size_t first; /* bytes in the first read */
    size_t rest;  /* bytes in each later read; 0: all */
};

/* `memory` holds the pieces while they are parsed. */
void memcached_stream_tell(struct slice bytes, bool answers, struct memcached_pieces pieces,
                           const struct guarded *memory, struct memcached_told *told);

/* ---- a dialogue's spans ---- */

#define MEMCACHED_SPANS 4096

struct memcached_span {
    char what[MEMCACHED_TEXT_BYTES + 256];
    uint64_t begin;
    uint64_t end;
    bool asked;
    bool ended;
    struct memcached_answered answered;
};

struct memcached_spans {
    struct memcached_span spans[MEMCACHED_SPANS];
    size_t begun;
    size_t ended;
    size_t missed;      /* that had no room */
    size_t refuse_from; /* spans from this one on are refused; 0: none */
    const char *broken; /* the first rule of the listener that did not hold; NULL: all held */
};

/* A listener that writes them down. */
struct memcached_listener memcached_spans_listener(struct memcached_spans *spans);
void memcached_spans_tell(const struct memcached_spans *spans, struct memcached_told *told);

#endif
