// SPDX-License-Identifier: Apache-2.0
/* peer.h - the other end of a connection, as accept() or connect() gave it. */
#ifndef AGENT_PEER_H
#define AGENT_PEER_H

#include <stdint.h>

#include "agent/base/slice.h"

struct peer {
    uint16_t family;     /* AF_INET, AF_INET6, AF_UNIX; 0: unknown */
    uint16_t port;       /* host order */
    uint8_t address[16]; /* AF_INET: the first four */
};

/* The address as text; absent where it is no IP address. */
#define PEER_TEXT_BYTES 46
struct slice peer_format(const struct peer *peer, char out[PEER_TEXT_BYTES]);

#endif
