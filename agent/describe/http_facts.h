// SPDX-License-Identifier: Apache-2.0
/* http_facts.h - what was seen of an HTTP request that this process answered.
 *
 * The request's thread copies it out of the application's bytes, rid of what is secret, and fills
 * in what the answer tells: numbers, and slices as they came. Which attributes that makes, the
 * route and the name, is for whoever exports (http_server.h), who has time, and may be another
 * process. */
#ifndef AGENT_HTTP_FACTS_H
#define AGENT_HTTP_FACTS_H

#include "agent/base/peer.h"
#include "agent/describe/facts.h"
#include "agent/span/span.h"

/* The texts, in the order in which they lie: those of what was asked for, then those of who asks,
 * because each of these two repeats itself without the other. */
enum http_text {
    HTTP_TEXT_METHOD,    /* of a method that has no number; see method_shown() */
    HTTP_TEXT_AUTHORITY, /* that was asked, as written */
    HTTP_TEXT_ORIGIN,    /* path and query, or `*`; absent for CONNECT and what is no target */
    HTTP_TEXT_CLIENT,    /* the address that proxies tell */
    HTTP_TEXT_AGENT,     /* User-Agent */
    HTTP_TEXT_THREAD,    /* its name */
    HTTP_TEXTS
};
#define HTTP_TEXTS_ASKED HTTP_TEXT_CLIENT /* so many are of the first kind */

/* Bytes that are kept of them, cut at a character. */
#define HTTP_AUTHORITY_BYTES 512u
#define HTTP_AGENT_BYTES     2560u
#define HTTP_ORIGIN_BYTES    4096u

#define HTTP_UNSEEN UINT64_MAX /* as a response's: its end was not seen */

enum http_scheme { HTTP_SCHEME_HTTP, HTTP_SCHEME_HTTPS, HTTP_SCHEME_WS, HTTP_SCHEME_WSS };

struct http_facts {
    uint64_t request_bytes;  /* of content; 0: none, or not known */
    uint64_t response_bytes; /* likewise, or HTTP_UNSEEN */
    struct peer peer;
    uint32_t thread_id; /* 0: not asked for */
    uint16_t status;    /* 0: it was not answered */
    uint8_t method;     /* method_number() */
    uint8_t scheme;     /* enum http_scheme */
    uint8_t minor;      /* of HTTP/1.minor */
    uint8_t reserved;
    uint16_t asked_bytes; /* of the texts of what was asked for */
    uint16_t lengths[HTTP_TEXTS];
    char texts[];
};

#define HTTP_FACTS_BYTES ((uint32_t)offsetof(struct http_facts, texts))

/* Facts that are being written. */
struct http_facts_writing {
    struct http_facts *facts; /* NULL: there is no room */
    char *at;
    uint32_t left;
};

static inline void http_facts_begin(struct http_facts_writing *writing, const struct span *span)
{
    writing->facts = span_facts_begin(span, &writing->left);
    if (!writing->facts || writing->left < HTTP_FACTS_BYTES) {
        writing->facts = NULL;
        return;
    }
    writing->left -= HTTP_FACTS_BYTES;
    writing->at = writing->facts->texts;
}

/* In the order of the texts. */
static inline void http_facts_text(struct http_facts_writing *writing, enum http_text which,
                                   struct slice text, uint32_t most)
{
    if (!text.at) {
        writing->facts->lengths[which] = FACTS_ABSENT;
        return;
    }
    if (writing->left < most)
        most = writing->left;
    if (__builtin_expect(text.length > most, 0))
        text = span_cut(text, most);
    memcpy(writing->at, text.at, text.length);
    writing->at += text.length;
    writing->left -= (uint32_t)text.length;
    writing->facts->lengths[which] = (uint16_t)text.length;
}

/* Behind the last text of what was asked for. */
static inline void http_facts_asked(const struct http_facts_writing *writing)
{
    writing->facts->asked_bytes = (uint16_t)(writing->at - writing->facts->texts);
}

static inline void http_facts_end(const struct http_facts_writing *writing, struct span *span)
{
    span_facts_end(span, SPAN_FACTS_HTTP_SERVER,
                   (uint32_t)(writing->at - (const char *)writing->facts));
}

#endif
