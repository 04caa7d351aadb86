// SPDX-License-Identifier: Apache-2.0
/* answer.h - the collector's HTTP/1.x answer.
 *
 * Pure: looks at the bytes received so far and says whether they are a whole answer. When more have
 * come it goes on where it was, so that an answer costs what it is long, in however many pieces it
 * comes.
 * Source: RFC 9112, sections 4, 6 and 7. */
#ifndef EXPORTER_ANSWER_H
#define EXPORTER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/slice.h"

/* Of an answer's head, those of interim answers (1xx) before it included. */
#define ANSWER_HEAD_BYTES_MOST ((size_t)65536)

/* The one status below 200 that is final: no HTTP comes after it, though nobody asked for that (RFC
 * 9110, 15.2.2). */
#define ANSWER_SWITCHING 101

enum answer_result {
    ANSWER_DONE,
    ANSWER_MORE,
    ANSWER_BAD,
    ANSWER_LONG /* a head, a trailer or the line of a chunk's size that goes on and on */
};

struct answer_head {
    int status;
    size_t retry_at; /* where the value of Retry-After begins */
    size_t retry_length;
    bool has_retry;
    bool has_length;
    size_t content_length;
    bool chunked;
    bool unframed; /* the body's end can't be known */
    bool keep;
};

/* All zero before the first byte. */
struct answer {
    int status;               /* 101, 200..999: others are interim, passed over; 0: no head yet */
    struct slice retry_after; /* the field's value; absent: none */
    struct slice body;        /* with ANSWER_DONE */
    size_t consumed;          /* with ANSWER_DONE: bytes of the buffer that belong to the answer */
    bool reusable;            /* the connection may carry another request */

    /* The parser's own. Places are counted from the first byte. */
    struct answer_head head;
    unsigned char state;
    size_t at;          /* the first byte that it is not done with */
    size_t searched;    /* up to there no line ends */
    size_t head_bytes;  /* of lines of heads, interim ones included */
    size_t line_bytes;  /* of lines of the trailer */
    size_t chunk_left;  /* bytes of the chunk that are still to come */
    size_t body_at;     /* where the body begins */
    size_t body_length; /* of the chunks that were joined */
};

/* `bytes`: all since the first, where the call before left them (it joins chunks in place), or a
 * copy of them; `length`: never less than before. `ended`: the peer has closed, no more will come.
 * `status` and `retry_after` are set as soon as the head is there, with any result, because they
 * hold even where its body never comes, or is framed in a way nobody can read. After another result
 * than ANSWER_MORE it must not be called again. */
enum answer_result answer_parse(char *bytes, size_t length, bool ended, struct answer *answer);

#endif
