// SPDX-License-Identifier: Apache-2.0
/* redis_stream.h - bytes of a Redis connection read the way a connection reads them, told as text.
 *
 * Two ways of cutting the same stream are compared by strcmp, and a vector's expectation is what a
 * person would write. Commands: their arguments, a `+` behind one that is longer than what is kept,
 * `.` behind each command. Replies: `reply`, `null`, `error WRONGTYPE`, `push`; behind them
 * `has PREFIX` (an error within it), `first=message`, `third=1`. `lost` where it is.
 *
 * Spans: `GET "GET k" 1-2`: the operation, the text, at which step it began and ended; then `x3`
 * (batch), `session`, `hidden`, `error WRONGTYPE`, `db=1` unless it is 0. `open` in place of the
 * last number: it has not ended. `!` behind all: lost. */
#ifndef TESTS_REDIS_STREAM_H
#define TESTS_REDIS_STREAM_H

#include "agent/protocols/redis/redis_dialogue.h"
#include "tests/unit/guarded.h"

struct redis_told {
    char at[65536]; /* terminated; cut where it is full */
    size_t length;
};

struct redis_pieces {
    size_t first; /* bytes in the first read */
    size_t rest;  /* bytes in each later read; 0: all */
};

/* `memory` holds the pieces while they are parsed. */
void redis_stream_tell(struct slice bytes, bool replies, struct redis_pieces pieces,
                       const struct guarded *memory, struct redis_told *told);

/* ---- a dialogue's spans ---- */

#define REDIS_SPANS 4096

struct redis_span {
    char what[REDIS_TEXT_BYTES + 256];
    uint64_t begin;
    uint64_t end;
    bool asked;
    bool ended;
    struct redis_answered answered;
    char error[RESP_ERROR_BYTES];
};

struct redis_spans {
    struct redis_span spans[REDIS_SPANS];
    size_t begun;
    size_t ended;
    size_t missed;
    size_t refuse_from; /* spans from this one on are refused; 0: none */
    const char *broken; /* the first rule of the listener that did not hold; NULL: all held */
};

/* A listener that writes them down. */
struct redis_listener redis_spans_listener(struct redis_spans *spans);
void redis_spans_tell(const struct redis_spans *spans, struct redis_told *told);

#endif
