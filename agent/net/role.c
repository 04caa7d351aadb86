// SPDX-License-Identifier: Apache-2.0
/* Which end of a connection this process is, where nobody has said so. */
#include "agent/net/connection.h"

#include "agent/net/detect.h"
#include "agent/work/work.h"

/* This process's first bytes on a socket that somebody else made: who gets a request is the server,
 * who sends one the client. Anything else is of no protocol that is known, or begins in the middle,
 * and is not looked at; between a pair of sockets, or on a unix socket, nobody said that it would
 * be. */
__attribute__((cold)) static void learn_role(struct connection *connection, struct slice bytes,
                                             enum side side)
{
    struct flow *flow = &connection->flow;
    enum flow_role role = side == SIDE_IN ? FLOW_SERVER : FLOW_CLIENT;
    bool known = bytes.at && detect_may_know(flow, side, bytes) && !detect_is_datagrams(flow);
    bool over_network = flow->peer.family != AF_UNIX && flow->peer.family != 0;
    if (known || over_network)
        atomic_store_explicit(&flow->role, (uint8_t)role, memory_order_relaxed);
    if (!known) {
        connection_make_opaque(connection, over_network);
        return;
    }
    if (role == FLOW_CLIENT)
        connection_client_writes(connection);
}

bool connection_serves_reader(struct connection *connection, struct slice bytes)
{
    if (connection_role(connection) == CONNECTION_CLIENT) {
        work_client_read(connection_owner(connection));
        return false;
    }
    learn_role(connection, bytes, SIDE_IN);
    if (connection_role(connection) != CONNECTION_SERVER)
        return false;
    connection_reads(connection,
                     atomic_load_explicit(&connection->flow.channel.fd, memory_order_relaxed));
    return true;
}

/* A client's context was taken when the sending began. */
bool connection_serves_writer(struct connection *connection, struct slice bytes)
{
    if (connection_role(connection) == CONNECTION_UNKNOWN)
        learn_role(connection, bytes, SIDE_OUT);
    return connection_role(connection) == CONNECTION_SERVER;
}
