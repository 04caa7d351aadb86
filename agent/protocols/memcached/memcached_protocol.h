// SPDX-License-Identifier: Apache-2.0
/* memcached_protocol.h - memcached as a row of the table of protocols: as a client only. */
#ifndef AGENT_MEMCACHED_PROTOCOL_H
#define AGENT_MEMCACHED_PROTOCOL_H

#include "agent/net/protocol.h"

extern const struct protocol memcached_protocol;

#endif
