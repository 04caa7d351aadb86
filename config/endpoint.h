// SPDX-License-Identifier: Apache-2.0
/* endpoint.h - the collector's address, from what a person wrote to what a transport takes.
 *
 * Pure. Schemes are http, https and unix; a bare HOST or HOST:PORT, which many guides show, is
 * understood as http. */
#ifndef CONFIG_ENDPOINT_H
#define CONFIG_ENDPOINT_H

#include <stdint.h>

#include "agent/base/slice.h"

enum endpoint_scheme { ENDPOINT_HTTP, ENDPOINT_HTTPS, ENDPOINT_UNIX };

/* Slices of the text, nothing decoded. */
struct endpoint_parts {
    enum endpoint_scheme scheme;
    bool has_scheme;     /* it is written, in any case */
    uint16_t port;       /* as written, else the scheme's */
    bool bare_colon;     /* a port ought to be there, and is not */
    struct slice user;   /* user information, without the `@`; may be empty */
    struct slice host;   /* without brackets */
    struct slice rest;   /* all that follows the scheme */
    struct slice target; /* what follows the authority; ENDPOINT_UNIX: the socket's path */
};

/* http://[USER@]HOST[:PORT][/PATH], https://..., unix://PATH, or without a scheme (RFC 3986, 3). A
 * HOST may be [IPv6]. False where it is none of these; what stands in a part is not looked at. */
bool endpoint_split(struct slice text, struct endpoint_parts *parts);

/* Whether a transport could take it: one that can be split, with no spaces or control characters; a
 * unix:// one has a path with a name in it. */
bool endpoint_readable(struct slice text);

/* Whether a readable endpoint names its scheme. */
bool endpoint_has_scheme(struct slice text);

/* Bytes that endpoint_write() needs at most for a text of that length, its terminator included. */
size_t endpoint_bytes(size_t length);

/* Writes a readable endpoint with its scheme (in lower case) and a terminator. `base`: it is a base
 * address, so `/v1/traces` is added to its path, with one slash between, unless the path already
 * ends so (OTLP exporter, "Endpoint URLs for OTLP/HTTP", which knows no such mercy: but no
 * collector listens at /v1/traces/v1/traces). A unix address has no path to add to: it stays.
 * Returns the length without the terminator. */
size_t endpoint_write(struct slice text, bool base, char *out);

#endif
