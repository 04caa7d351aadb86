// SPDX-License-Identifier: Apache-2.0
/* http_call.h - what an HTTP client span says (OpenTelemetry HTTP semantic conventions).
 *
 * A request is described when its head is written, because its bytes are the application's and gone
 * afterwards; status and sizes follow with the end of its answer. */
#ifndef AGENT_HTTP_CALL_H
#define AGENT_HTTP_CALL_H

#include "agent/base/peer.h"
#include "agent/protocols/http/http1.h"
#include "agent/work/call.h"

#define HTTP_CALL_UNSEEN UINT64_MAX

/* What is kept of a call while its answer is awaited. */
struct http_call {
    uint64_t request_bytes;  /* of content, as far as they are known; 0: none are */
    uint64_t response_bytes; /* HTTP_CALL_UNSEEN: its end was not seen */
    uint16_t status;         /* 0: no answer has begun */
    uint8_t minor;           /* of HTTP/1.minor: the request's, later the answer's */
};

_Static_assert(sizeof(struct http_call) <= CALL_NOTES_BYTES, "a call keeps it");

static inline struct http_call *http_call(struct call *call)
{
    return (struct http_call *)(void *)call->notes;
}

/* What parsing a head leaves, at the beginning of a page. */
union http_call_head {
    struct http1_request request;
    struct http1_response response;
};

#define HTTP_CALL_HEAD_BYTES 512

_Static_assert(sizeof(union http_call_head) <= HTTP_CALL_HEAD_BYTES, "there is room for it");

static inline union http_call_head *http_call_head(struct client_page *room)
{
    return (union http_call_head *)(void *)room->record;
}

/* The head, which may lie in http_call_head(), was written to that peer: four steps with one page,
 * whose rest is working memory. Apart, because they go deep, and the caller's stack may be small.
 */
void http_call_find(const struct http1_request *request, const struct peer *peer,
                    struct client_page *room);
void http_call_describe(struct call *call, const struct http1_request *request,
                        const struct peer *peer, struct client_page *room);
void http_call_show_url(struct call *call, struct client_page *room);
void http_call_show_host(struct call *call, struct client_page *room);

__attribute__((always_inline)) static inline void
http_call_asked(struct call *call, const struct http1_request *request, const struct peer *peer,
                struct client_page *room)
{
    if (!call_span(call))
        return;
    http_call_find(request, peer, room);
    http_call_describe(call, request, peer, room);
    http_call_show_url(call, room);
    http_call_show_host(call, room);
}

/* What is known of the request and its answer by now, and nothing more will be: once a call, before
 * its error. */
void http_call_told(struct call *call);
/* The same of an answer that is whole, whose status may be an error. */
void http_call_answered(struct call *call);

#endif
