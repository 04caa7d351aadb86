// SPDX-License-Identifier: Apache-2.0
/* url.h - URLs and what they are made of.
 *
 * Slices into the text given, nothing decoded. */
#ifndef AGENT_URL_H
#define AGENT_URL_H

#include <stdint.h>

#include "agent/base/slice.h"

/* The parts of an absolute URL (RFC 3986, 3). What is not there is absent. */
struct url {
    struct slice scheme;
    struct slice user;      /* user information, without the `@` */
    struct slice authority; /* host and port as written */
    struct slice host;      /* without the brackets of an IPv6 address */
    struct slice path;      /* empty, or begins with `/` */
    struct slice query;     /* without `?` */
    struct slice fragment;  /* without `#` */
    uint16_t port;          /* as written, else the scheme's default, else 0 */
};

/* False where the text is not SCHEME://HOST..., and *out is unspecified. A host is not empty and
 * consists of letters, digits, `-._~` and UTF-8, or is an IPv6 address in brackets. */
bool url_split(struct slice text, struct url *out);

/* 80, 443; 0 where the scheme (any case) has none we know. */
uint16_t url_default_port(struct slice scheme);

/* `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT`: a Host header or an authority without user
 * information. *port is 0 where none is written. False where it is malformed. */
bool url_host_port(struct slice text, struct slice *host, uint16_t *port);

/* The path of a request target in origin or absolute form (RFC 9112, 3.2), not empty; empty for
 * others. */
struct slice url_target_path(struct slice target);

#endif
