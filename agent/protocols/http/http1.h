// SPDX-License-Identifier: Apache-2.0
/* http1.h - heads of HTTP/1.x messages (RFC 9112), requests and responses.
 *
 * The agent reads along with a program that parses the same bytes itself. So the question is
 * never whether a message is well-formed, only what the program took it for: leading empty
 * lines, bare LF line ends, several spaces, unknown methods and any form of target are accepted,
 * and PARSE_BAD is kept for bytes that no HTTP/1.x program takes. A head may be understood while
 * its framing is not: that is for http1_body.h to say, so that a request answered by 400 is
 * still a request.
 *
 * Nothing is copied, allocated or kept: results are slices of the caller's bytes. A target may
 * hold any byte but LF; those who record it look after encoding and secrets. */
#ifndef AGENT_HTTP1_H
#define AGENT_HTTP1_H

#include "agent/base/parse.h"
#include "agent/base/slice.h"
#include "agent/protocols/http/http1_fields.h"

/* What the framing of a response needs to know of its request (RFC 9112, 6.3). */
enum http1_method { HTTP1_METHOD_OTHER, HTTP1_METHOD_HEAD, HTTP1_METHOD_CONNECT };

struct http1_request {
    size_t head_length;  /* bytes, leading empty lines and the blank line included */
    struct slice method; /* a token, as sent */
    struct slice target; /* origin, absolute, authority or asterisk form, as sent; never empty */
    uint8_t minor;       /* of HTTP/1.minor; at most 255 */
    struct http1_fields fields;
};

struct http1_response {
    size_t head_length;  /* as above */
    unsigned status;     /* 100..999 */
    struct slice reason; /* may be empty */
    uint8_t minor;
    struct http1_fields fields;
};

/* Do these first bytes of an unknown socket begin an HTTP/1.x request? OK needs the whole
 * request line, its version included, because nothing less is certain ("EHLO " and "SSH-2.0 "
 * look like methods); so each call reads the line again, and a caller that gathers bytes after
 * MORE is better off with http1_find_head. BAD comes with the first byte that cannot be, and as
 * from http1_parse_request for methods longer than 128 bytes. */
enum parse http1_detect_request(struct slice bytes);

/* The same for a response: OK with "HTTP/1.". */
enum parse http1_detect_response(struct slice bytes);

/* Finds the end of a head whose first byte is the first of `bytes`. *scanned (0 at first)
 * remembers how far an earlier call got, so that a head that arrives byte by byte is read once.
 * OK: *head_length is set, leading empty lines included. Else MORE; never BAD, so the caller
 * bounds what it gathers. */
enum parse http1_find_head(struct slice bytes, size_t *scanned, size_t *head_length);

/* Parses the head that `bytes` begins with; more may follow it. `wanted` (HTTP1_WANT_ALL, or any of
 * http1_want() and so on) says which fields are noted; framing needs HTTP1_WANT_FRAMING, and that
 * of what strangers wrote HTTP1_WANT_DOUBTS, too. The common case, the whole head in one buffer,
 * needs no http1_find_head first. MORE where the blank line is missing: then gather, and parse
 * again when http1_find_head says OK, because this begins anew each time. On MORE and BAD the
 * struct's contents mean nothing. */
enum parse http1_parse_request(struct slice bytes, uint64_t wanted, struct http1_request *request);
enum parse http1_parse_response(struct slice bytes, uint64_t wanted,
                                struct http1_response *response);

/* Methods are case-sensitive (RFC 9110, 9.1). */
enum http1_method http1_method(struct slice method);

/* 1xx but 101: another response to the same request follows (RFC 9110, 15.2). */
static inline bool http1_is_interim(const struct http1_response *response)
{
    return response->status < 200 && response->status != 101;
}

/* Does this side let the connection live on after the message (RFC 9112, 9.3)? It does if both
 * messages say so and the response's body does not last until close. */
bool http1_keeps_alive(uint8_t minor, const struct http1_fields *fields);

#endif
