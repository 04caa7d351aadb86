// SPDX-License-Identifier: Apache-2.0
/* protocol.h - what a protocol is to a connection: a row of functions.
 *
 * A protocol knows messages. It does not know descriptors, threads, locks, forks or closes: those
 * are the flow's (flow.h), which calls it with bytes and is told what began and what is over. A
 * row says in which roles it is read: one that is read as a server and as a client has one parser,
 * which asks the flow on which side the requests go.
 *
 * A side of a flow is in the hands of one thread at a time. A server's flow may have two threads in
 * it, one at each side: so what a protocol keeps for a side is that side's, and what the answering
 * side has to know of a request goes along with it (flow_ask()). A client's has one. */
#ifndef AGENT_PROTOCOL_H
#define AGENT_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct flow;

enum side { SIDE_IN, SIDE_OUT }; /* the bytes came, or went; who asks there is the flow's role */

enum flow_role {
    FLOW_SERVER,
    FLOW_CLIENT,
    FLOW_UNKNOWN, /* its first bytes tell */
    FLOW_NONE     /* from here on: carries no bytes (connection.h) */
};

enum sure { SURE_NO, SURE_MAYBE, SURE_YES };

enum next {
    NEXT_MORE,
    NEXT_LOST,  /* what comes on this side is not understood from here on */
    NEXT_OVER,  /* nothing further is to be looked at, and that is no loss (a refusal) */
    NEXT_ANEW,  /* a client's: another conversation begins on both sides, by any protocol, and
                 * nothing  is open (a tunnel through a proxy) */
    NEXT_SECURE /* the same protocol goes on in TLS; as long as that is not read, as NEXT_OVER */
};

struct fed {
    size_t used;
    enum next next;
};

static inline struct fed fed_all(struct slice bytes)
{
    return (struct fed){bytes.length, NEXT_MORE};
}

static inline bool is_whole(struct fed fed, size_t length)
{
    return fed.used == length && fed.next == NEXT_MORE;
}

typedef struct fed protocol_feed(struct flow *flow, enum side side, struct slice bytes,
                                 uint64_t now_ns);

/* How a flow ends; what is open then is ended by the flow. */
enum flow_end {
    FLOW_SHUT,   /* a server will send nothing more; by the owner of SIDE_OUT */
    FLOW_ENDED,  /* a client's: the server will; here and below by the owner of both sides */
    FLOW_CLOSED, /* no descriptor is left */
    FLOW_LOST    /* it is not looked at any more */
};

struct protocol {
    const char *name;
    uint8_t roles;        /* a bit 1 << enum flow_role for each in which it is read */
    uint8_t scope;        /* enum span_scope of the calls it begins */
    uint32_t state_bytes; /* zeroed when the flow is known to be this protocol's; at most
                           * FLOW_STATE_MOST */

    /* Can the first bytes of a side be this protocol's? Of a flow whose role is not known: of who
     * asks. MAYBE is asked again with more, FLOW_DETECT_BYTES at most, before the rows behind it
     * are asked at all. */
    enum sure (*detect)(const struct flow *flow, enum side side, struct slice first);

    /* The next bytes, at least one. `used` of them were understood; where that is fewer than all
     * and not 0, the rest is fed at once. 0: more are needed, and what was given is given again
     * together with what follows it, up to FLOW_KEPT_BYTES. Bodies are used as they come. What
     * comes next may be for another function of the protocol's (flow_feed_next()), until something
     * is kept or lost. */
    protocol_feed *feed;

    /* The application's call that sent the bytes is through: requests that went in one call may be
     * one to the protocol. A client's only. NULL: that does not matter. */
    void (*sent)(struct flow *flow, uint64_t now_ns);

    /* The same as feed for bytes that nobody saw (sendfile, splice). */
    enum next (*skip)(struct flow *flow, enum side side, uint64_t bytes, uint64_t now_ns);

    /* How many of the next bytes to send need not be seen: the rest, which lies in a file, is
     * looked up. Only while the flow is_framed; else none need be. */
    uint64_t (*unneeded)(const struct flow *flow);

    /* May end what is the protocol's to end (an answer that lasts until close). NULL: nothing is.
     */
    void (*end)(struct flow *flow, enum flow_end how, uint64_t now_ns);
};

#define PROTOCOL_ROLE(role) (1u << (role))

#endif
