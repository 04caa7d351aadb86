// SPDX-License-Identifier: Apache-2.0
/* http1_client.h - HTTP/1 as a row of the table of protocols: as a client.
 *
 * A request's head that was written on a connected socket is a call; it is over with the last byte
 * of its answer. What a library asks that is observed itself (libcurl) is not seen here, because
 * its sockets are that library's (library.h). */
#ifndef AGENT_HTTP1_CLIENT_H
#define AGENT_HTTP1_CLIENT_H

#include "agent/net/protocol.h"

extern const struct protocol http1_client_protocol;

#endif
