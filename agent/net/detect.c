// SPDX-License-Identifier: Apache-2.0
#include "agent/net/detect.h"

#include <errno.h>
#include <sys/socket.h>

#include "agent/net/library.h"

/* The table. Written before the first connection, only read from then on. */
static const struct protocol *const *rows;
static size_t row_count;
static bool reads_clients;

void flow_set_protocols(const struct protocol *const *table, size_t count)
{
    rows = table;
    row_count = count;
    reads_clients = false;
    for (size_t i = 0; i < count; i++)
        reads_clients |= (table[i]->roles & PROTOCOL_ROLE(FLOW_CLIENT)) != 0;
}

bool detect_reads_clients(void)
{
    return reads_clients;
}

static bool attach(struct flow *flow, const struct protocol *protocol)
{
    struct flow_state *state = flow_state_take(protocol);
    struct flow_state *none = NULL;
    if (!state)
        return false;
    /* Who has the other side may have found it out, too. */
    if (!atomic_compare_exchange_strong_explicit(&flow->state, &none, state, memory_order_release,
                                                 memory_order_relaxed))
        flow_state_give(state);
    return true;
}

__attribute__((cold, noinline)) bool detect_is_datagrams(const struct flow *flow)
{
    int saved = errno;
    int type;
    socklen_t length = sizeof type;
    int fd = atomic_load_explicit(&flow->channel.fd, memory_order_relaxed);
    bool found = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type != SOCK_STREAM;
    errno = saved;
    return found;
}

/* The rows are asked in their order, and who is not sure yet is waited for: whose the bytes are
 * must not depend on the pieces in which they come. */
__attribute__((noinline)) enum sure detect(struct flow *flow, enum side side, struct slice first)
{
    /* Connected elsewhere, for a library that writes to it now. */
    if (flow_role(flow) == FLOW_CLIENT && side == SIDE_OUT && library_is_calling())
        return SURE_NO;
    bool may_wait = first.length < FLOW_DETECT_BYTES;
    if (!may_wait)
        first.length = FLOW_DETECT_BYTES;
    for (size_t i = 0; i < row_count; i++) {
        if (!(rows[i]->roles & PROTOCOL_ROLE(flow_role(flow))))
            continue;
        enum sure found = rows[i]->detect(flow, side, first);
        if (found == SURE_YES && flow_role(flow) != FLOW_SERVER && detect_is_datagrams(flow))
            return SURE_NO;
        if (found == SURE_YES)
            return attach(flow, rows[i]) ? SURE_YES : SURE_NO;
        if (found == SURE_MAYBE && may_wait)
            return SURE_MAYBE;
    }
    return SURE_NO;
}

bool detect_may_know(const struct flow *flow, enum side side, struct slice first)
{
    enum flow_role role = flow_role(flow);
    /* Who asks may do so by any protocol, also where it is not read along. */
    unsigned roles = role != FLOW_UNKNOWN ? PROTOCOL_ROLE(role)
                     : side == SIDE_IN    ? PROTOCOL_ROLE(FLOW_SERVER)
                                          : ~0u;
    for (size_t i = 0; i < row_count; i++)
        if (rows[i]->roles & roles && rows[i]->detect(flow, side, first) != SURE_NO)
            return true;
    return false;
}
