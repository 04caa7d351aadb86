// SPDX-License-Identifier: Apache-2.0
/* forwarded.h - what proxies say about the client they act for.
 *
 * Servers behind a proxy learn the client's address and the name it used from Forwarded (RFC 7239)
 * or the X-Forwarded-* fields before it. What stands there was written by others, the client among
 * them, so it has to look like an address, a scheme, a host to be believed; what does not is
 * absent. Pure: slices into the text given. */
#ifndef AGENT_FORWARDED_H
#define AGENT_FORWARDED_H

#include <stdint.h>

#include "agent/base/slice.h"

struct forwarded {
    struct slice client; /* an IP address without brackets; else absent */
    uint16_t client_port;
    uint16_t port;          /* of the host; 0 where none is written */
    struct slice scheme;    /* http, https, ws, wss in lower case; else absent */
    struct slice authority; /* host and port as written */
    struct slice host;      /* without brackets */
};

/* Values of Forwarded, X-Forwarded-For, -Proto and -Host, absent ones as SLICE_NONE. */
struct forwarded_lines {
    struct slice forwarded;
    struct slice x_for;
    struct slice x_proto;
    struct slice x_host;
};

/* Only the first element of each counts, which is the first proxy's; empty ones are passed over
 * (RFC 9110, 5.6.1). What Forwarded says wins, part by part. `unknown` and obfuscated identifiers
 * (`_hidden`) are absent, and so is all of a Forwarded element that is malformed or says a thing
 * twice. */
void forwarded_read(const struct forwarded_lines *lines, struct forwarded *out);

#endif
