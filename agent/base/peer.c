// SPDX-License-Identifier: Apache-2.0
#include "agent/base/peer.h"

#include <arpa/inet.h>

_Static_assert(PEER_TEXT_BYTES >= INET6_ADDRSTRLEN, "any address fits");

/* inet_ntop() goes through printf; an IPv4 address is not worth that. */
static struct slice format_ipv4(const uint8_t address[4], char *out)
{
    char *at = out;
    for (int i = 0; i < 4; i++) {
        unsigned n = address[i];
        if (n >= 100)
            *at++ = (char)('0' + n / 100);
        if (n >= 10)
            *at++ = (char)('0' + n / 10 % 10);
        *at++ = (char)('0' + n % 10);
        *at++ = '.';
    }
    return (struct slice){out, (size_t)(at - out) - 1};
}

struct slice peer_format(const struct peer *peer, char out[PEER_TEXT_BYTES])
{
    if (peer->family == AF_INET)
        return format_ipv4(peer->address, out);
    if (peer->family == AF_INET6)
        return slice_of(inet_ntop(AF_INET6, peer->address, out, PEER_TEXT_BYTES));
    return SLICE_NONE;
}
