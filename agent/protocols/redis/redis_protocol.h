// SPDX-License-Identifier: Apache-2.0
/* redis_protocol.h - Redis as a row of the table of protocols: as a client only. */
#ifndef AGENT_REDIS_PROTOCOL_H
#define AGENT_REDIS_PROTOCOL_H

#include "agent/net/protocol.h"

extern const struct protocol redis_protocol;

#endif
