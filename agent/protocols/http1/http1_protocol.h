// SPDX-License-Identifier: Apache-2.0
/* http1_protocol.h - HTTP/1.x as a protocol of a connection.
 *
 * On one side heads and bodies are those of requests, on the other those of responses; which is
 * which is the flow's to know. The framing of a response depends on the method that was asked with,
 * which goes along with the request's entry (RFC 9112, 6.3). */
#ifndef AGENT_HTTP1_PROTOCOL_H
#define AGENT_HTTP1_PROTOCOL_H

#include "agent/net/flow.h"

extern const struct protocol http1_protocol;

#endif
