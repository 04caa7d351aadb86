// SPDX-License-Identifier: Apache-2.0
/* endpoint.h - the collector's address, from what a person wrote to what a transport takes.
 *
 * Pure. Schemes are http, https and unix; a bare HOST or HOST:PORT, which many guides show, is
 * understood as http. */
#ifndef CONFIG_ENDPOINT_H
#define CONFIG_ENDPOINT_H

#include "agent/base/slice.h"

/* Whether a transport could take it: http://HOST[:PORT][/PATH], https://..., unix:///PATH, or
 * HOST[:PORT][/PATH]; no spaces or control characters. A HOST may be [IPv6]. */
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
