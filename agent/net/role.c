// SPDX-License-Identifier: Apache-2.0
/* Which end of a connection this process is, where nobody has said so, and whether its bytes are
 * read along. */
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
    bool known = bytes.at && detect_may_know(flow, side, bytes);
    bool over_network = flow->peer.family != AF_UNIX && flow->peer.family != 0;
    if (known || over_network)
        atomic_store_explicit(&flow->role, (uint8_t)role, memory_order_relaxed);
    if (!known) {
        connection_make_opaque(connection, over_network);
        return;
    }
    if (role == FLOW_CLIENT && connection_take(&flow->side[SIDE_IN])) {
        connection->owner = work_owner();
        connection->client_wrote = true;
        connection_unclaim(connection, SIDE_IN);
    }
}

static bool is_read(const struct flow *flow)
{
    return !atomic_load_explicit(&flow->unread, memory_order_relaxed);
}

bool connection_reads_received(struct connection *connection, struct slice bytes)
{
    struct flow *flow = &connection->flow;
    if (flow_role(flow) == FLOW_CLIENT) {
        work_client_read(connection->owner);
        return is_read(flow);
    }
    learn_role(connection, bytes, SIDE_IN);
    if (flow_role(flow) != FLOW_SERVER)
        return false;
    connection_reads(connection,
                     atomic_load_explicit(&connection->flow.channel.fd, memory_order_relaxed));
    return true;
}

/* A client's context was taken when the sending began. */
bool connection_reads_sent(struct connection *connection, struct slice bytes)
{
    struct flow *flow = &connection->flow;
    if (flow_role(flow) == FLOW_UNKNOWN)
        learn_role(connection, bytes, SIDE_OUT);
    return flow_role(flow) == FLOW_SERVER || (flow_role(flow) == FLOW_CLIENT && is_read(flow));
}
