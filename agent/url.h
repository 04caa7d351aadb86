// SPDX-License-Identifier: Apache-2.0
/* url.h - URLs and the headers that say who asked whom.
 *
 * Slices into the text given, nothing decoded. Servers behind a proxy learn the client's address
 * and the name it used from Forwarded (RFC 7239) or the X-Forwarded-* headers before it; what
 * stands there was written by others, so an address has to look like one to be believed. */
#ifndef AGENT_URL_H
#define AGENT_URL_H

#include <stdint.h>

#include "agent/slice.h"

/* The parts of an absolute URL (RFC 3986, 3). What is not there is absent. */
struct url {
    struct slice scheme;
    struct slice user;     /* user information, without the `@` */
    struct slice host;     /* without the brackets of an IPv6 address */
    struct slice path;     /* empty, or begins with `/` */
    struct slice query;    /* without `?` */
    struct slice fragment; /* without `#` */
    uint16_t port;         /* as written, else the scheme's default, else 0 */
};

/* False where the text is not SCHEME://HOST..., and *out is unspecified. A host may not be empty,
 * nor hold a control character or space. */
bool url_split(struct slice text, struct url *out);

/* 80, 443; 0 where the scheme (any case) has none we know. */
uint16_t url_default_port(struct slice scheme);

/* `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT`: a Host header or an authority without user
 * information. *port is 0 where none is written. False where it is malformed. */
bool url_host_port(struct slice text, struct slice *host, uint16_t *port);

/* What proxies say about the client nearest to it. */
struct url_forwarded {
    struct slice client; /* an IP address without brackets; else absent */
    uint16_t client_port;
    struct slice scheme; /* "http" and "https" in lower case, others as written */
    struct slice host;
    uint16_t port; /* written with the host; else 0 */
};

/* Values of Forwarded, X-Forwarded-For, -Proto and -Host, absent ones as SLICE_NONE. Only the
 * first element of each counts: the first proxy's. What Forwarded says wins, part by part.
 * `unknown`, obfuscated identifiers (`_hidden`) and anything malformed are absent. */
void url_forwarded(struct slice forwarded, struct slice x_for, struct slice x_proto,
                   struct slice x_host, struct url_forwarded *out);

#endif
