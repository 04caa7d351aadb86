// SPDX-License-Identifier: Apache-2.0
/* Which end of a connection this process is, where nobody has said so. */
#include "agent/net/connection.h"
#include "agent/net/connection_private.h"

#include "agent/describe/method.h"
#include "agent/work/work.h"

static bool may_be_request(struct slice bytes)
{
    enum parse detected = bytes.at ? http1_detect_request(bytes) : PARSE_BAD;
    return detected == PARSE_OK || (detected == PARSE_MORE && method_may_begin(bytes));
}

/* This process's first bytes on a socket that somebody else made: who gets a request is the server,
 * who sends one the client. Anything else is no HTTP, or begins in the middle, and is not looked
 * at; between a pair of sockets, or on a unix socket, nobody said that it would be. */
__attribute__((cold)) static void learn_role(struct connection *connection, struct slice bytes,
                                             enum connection_role role)
{
    bool http = may_be_request(bytes);
    bool over_network = connection->peer.family != AF_UNIX && connection->peer.family != 0;
    if (http || over_network)
        atomic_store_explicit(&connection->role, (uint8_t)role, memory_order_relaxed);
    if (!http) {
        connection_make_opaque(connection, over_network);
        return;
    }
    if (role == CONNECTION_CLIENT && connection_take(&connection->received)) {
        connection->owner = work_owner();
        connection->client_wrote = true;
        connection_unclaim(connection, &connection->received);
    }
}

bool connection_serves_reader(struct connection *connection, struct slice bytes)
{
    if (connection_role(connection) == CONNECTION_CLIENT) {
        work_client_read(connection->owner);
        return false;
    }
    learn_role(connection, bytes, CONNECTION_SERVER);
    if (connection_role(connection) != CONNECTION_SERVER)
        return false;
    connection_reads(connection,
                     atomic_load_explicit(&connection->channel.fd, memory_order_relaxed));
    return true;
}

/* A client's context was taken when the sending began. */
bool connection_serves_writer(struct connection *connection, struct slice bytes)
{
    if (connection_role(connection) == CONNECTION_UNKNOWN)
        learn_role(connection, bytes, CONNECTION_CLIENT);
    return connection_role(connection) == CONNECTION_SERVER;
}
