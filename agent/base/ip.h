// SPDX-License-Identifier: Apache-2.0
/* ip.h - is this text an IP address?
 *
 * What others write into header fields is recorded as an address only if it is one (RFC 3986,
 * 3.2.2): a span without an address is better than one with a word in its place. The text itself is
 * what gets recorded, so no value is computed. Pure. */
#ifndef AGENT_IP_H
#define AGENT_IP_H

#include "agent/base/slice.h"

/* Four numbers to 255 without leading zeros, which some read as octal. */
bool ip_is_v4(struct slice text);

/* Without brackets; the last two groups may be an IPv4 address, a zone may follow (`%eth0`). */
bool ip_is_v6(struct slice text);

#endif
