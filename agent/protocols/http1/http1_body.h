// SPDX-License-Identifier: Apache-2.0
/* http1_body.h - where an HTTP/1.x message ends (RFC 9112, sections 6 and 7).
 *
 * A body is counted, never kept: bytes go by in pieces of any size, some of them unseen
 * (sendfile), and all the agent needs is the position of the next head and the size for the
 * span. Where programs that accept a message disagree about its end (the shapes that request
 * smuggling lives on), the framing is HTTP1_BODY_BAD, and the caller stops reading along rather
 * than take a body for a request.
 *
 * What is accepted: Transfer-Encoding over Content-Length; equal Content-Lengths, repeated or
 * listed; in chunked bodies bare LF line ends, leading zeros, blanks behind a size, extensions
 * and trailers of any kind. Not in what others wrote (a server's requests, a client's responses):
 * bare LF behind an extension or a chunk's data, a bare CR anywhere, either field folded or with a
 * space before its colon, and empty elements of Transfer-Encoding. What the observed program itself
 * wrote leaves no doubt there. */
#ifndef AGENT_HTTP1_BODY_H
#define AGENT_HTTP1_BODY_H

#include "agent/protocols/http/http1.h"

enum http1_framing {
    HTTP1_NONE,        /* no body, whatever the fields say */
    HTTP1_LENGTH,      /* Content-Length bytes */
    HTTP1_CHUNKED,     /* chunks, trailers, an empty line */
    HTTP1_UNTIL_CLOSE, /* responses only; lasts until the end of the stream */
    HTTP1_TUNNEL       /* after 101, or 2xx to CONNECT: the rest of the connection is opaque */
};

enum http1_body_state {
    HTTP1_BODY_MORE, /* not at its end yet */
    HTTP1_BODY_DONE, /* the next byte belongs to the next message, or to the tunnel */
    HTTP1_BODY_BAD   /* nothing that follows on this stream can be told */
};

struct http1_body {
    uint64_t seen_bytes; /* payload that went by: without chunk sizes and trailers, but with any
                          * other transfer coding still applied */
    uint64_t remaining;  /* bytes left of the body (LENGTH) or of the chunk (CHUNKED) */
    uint8_t framing;     /* enum http1_framing */
    uint8_t state;       /* enum http1_body_state */
    uint8_t chunk_step;  /* where in the grammar of RFC 9112, 7.1 the next byte stands */
    /* Both Transfer-Encoding and Content-Length were sent (RFC 9112, 6.3: ought to be handled
     * as an error); the former won. */
    bool length_overridden;
    bool own; /* the observed program wrote it, so what it means is not in doubt */
};

/* Begins the body of a message. A head without a body is DONE at once; framing that cannot be
 * told is BAD. */
void http1_body_of_request(struct http1_body *body, const struct http1_request *request);
void http1_body_of_response(struct http1_body *body, const struct http1_response *response,
                            enum http1_method request_method);

/* The same of a client's: it wrote the request, and somebody else the response. */
void http1_body_of_own_request(struct http1_body *body, const struct http1_request *request);
void http1_body_of_foreign_response(struct http1_body *body, const struct http1_response *response,
                                    enum http1_method request_method);

/* Feeds the next bytes. Returns how many of them belong to this body; fewer than given where it
 * is DONE or BAD. */
size_t http1_body_feed(struct http1_body *body, struct slice bytes);

/* How many of the next bytes are surely data: so many may go by unseen. */
uint64_t http1_body_data_ahead(const struct http1_body *body);

/* n bytes went by unseen (sendfile, splice, MSG_TRUNC). Right within a LENGTH or UNTIL_CLOSE body
 * or the data of one chunk; BAD if they reach past it, because where they end is then unknown. */
void http1_body_skip(struct http1_body *body, uint64_t n);

/* The stream has ended: DONE for a body that lasts until then, BAD for one cut short. */
void http1_body_end_of_stream(struct http1_body *body);

#endif
