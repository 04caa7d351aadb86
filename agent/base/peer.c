// SPDX-License-Identifier: Apache-2.0
/* inet_ntop() goes through printf, which takes kilobytes of the stack. */
#include "agent/base/peer.h"

#include <sys/socket.h>

#define GROUPS 8

static char *write_ipv4(const uint8_t address[4], char *at)
{
    for (int i = 0; i < 4; i++) {
        unsigned n = address[i];
        if (n >= 100)
            *at++ = (char)('0' + n / 100);
        if (n >= 10)
            *at++ = (char)('0' + n / 10 % 10);
        *at++ = (char)('0' + n % 10);
        *at++ = '.';
    }
    return at - 1;
}

static unsigned group_at(const uint8_t *address, int group)
{
    const uint8_t *at = address + 2 * (ptrdiff_t)group;
    return (unsigned)at[0] << 8 | at[1];
}

static char *write_group(unsigned group, char *at)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = 12; shift >= 0; shift -= 4)
        if (group >> shift || !shift)
            *at++ = digits[group >> shift & 0xf];
    return at;
}

/* The first of the longest runs of zeros: how many, from *first on. */
static int find_zeros(const uint8_t *address, int *first)
{
    int longest = 0;
    for (int i = 0, run = 0; i < GROUPS; i++) {
        run = group_at(address, i) ? 0 : run + 1;
        if (run <= longest)
            continue;
        longest = run;
        *first = i - run + 1;
    }
    return longest;
}

/* RFC 5952; one that holds an IPv4 address as the C library writes it. */
static char *write_ipv6(const uint8_t address[16], char *at)
{
    int first = 0;
    int zeros = find_zeros(address, &first);
    bool holds_ipv4 = !first && (zeros == 6 || (zeros == 5 && group_at(address, 5) == 0xffff));
    int end = holds_ipv4 ? GROUPS - 2 : GROUPS;
    for (int i = 0; i < end; i++) {
        bool within = zeros > 1 && i >= first && i < first + zeros;
        if (i || within)
            *at++ = ':';
        if (within)
            i = first + zeros - 1;
        else
            at = write_group(group_at(address, i), at);
    }
    if (holds_ipv4 || (zeros > 1 && first + zeros == GROUPS))
        *at++ = ':';
    return holds_ipv4 ? write_ipv4(address + 12, at) : at;
}

struct slice peer_format(const struct peer *peer, char out[PEER_TEXT_BYTES])
{
    const char *end;
    if (peer->family == AF_INET)
        end = write_ipv4(peer->address, out);
    else if (peer->family == AF_INET6)
        end = write_ipv6(peer->address, out);
    else
        return SLICE_NONE;
    return (struct slice){out, (size_t)(end - out)};
}
