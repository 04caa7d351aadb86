// SPDX-License-Identifier: Apache-2.0
/* flow.h - the bytes of a connection as its protocol sees them, and what is open on it.
 *
 * The flow knows who asks (its role), which protocol is spoken once the first bytes have told,
 * keeps bytes that come before the rest of their message, and owns the requests that wait for
 * their answers: exchanges where this end serves, calls where it asks. A protocol stores none of
 * these, so that forks, losses and closes are dealt with in one place.
 *
 * What a protocol keeps for a flow lies in a slab from the moment when the flow is known to be
 * the protocol's. */
#ifndef AGENT_FLOW_H
#define AGENT_FLOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/peer.h"
#include "agent/net/head_store.h"
#include "agent/net/protocol.h"
#include "agent/work/call.h"
#include "agent/work/channel.h"

#define FLOW_STATE_MOST   1984
#define FLOW_DETECT_BYTES 256
#define FLOW_KEPT_BYTES   HEAD_BYTES

struct flow_state {
    uint64_t link; /* the slab's */
    const struct protocol *protocol;
    uint32_t index;
    uint32_t size; /* which slab's */
    _Alignas(8) unsigned char bytes[];
};

struct flow_side {
    _Atomic uint64_t owner; /* the claim of the thread at work; 0: none */
    protocol_feed *feed;    /* the protocol's, where nothing has to be done before */
    bool deaf;              /* what comes is not understood any more */
    uint32_t kept;          /* bytes that lie at `place` and wait for more */
    struct head_place place;
    uint64_t began_ns; /* when the first of the kept bytes came */
};

struct flow {
    _Atomic uint8_t role; /* enum flow_role, or what else a connection is */
    bool is_partial;      /* the newest request goes on; of the asking side */
    bool is_framed;       /* what is sent next, see unneeded(); of SIDE_OUT */
    bool switched;        /* to another protocol, see flow_switches(); of the answering side */
    _Atomic bool busy;    /* a client's: a thread is in the protocol */
    _Atomic bool unread;  /* nobody reads along: a client's, of no protocol that is known */
    /* NULL: its protocol is not known. Release by who finds it out, acquire by who uses it. */
    _Atomic(struct flow_state *) state;
    uint64_t connected_ns;   /* a client's: when connect() had success; 0: not known, or told */
    uint64_t answered_bytes; /* of the answer that was cut off; for FLOW_CLOSED */
    struct peer peer;
    struct flow_side side[2]; /* enum side */
    struct channel channel;   /* what is not atomic in it: of the asking side */
};

/* ---- for protocols ---- */

/* What the protocol keeps: state_bytes of it. Of its own flows. */
static inline void *flow_state(const struct flow *flow)
{
    return atomic_load_explicit(&flow->state, memory_order_relaxed)->bytes;
}

/* Relaxed: whoever does not own a side may learn of a change late, or of the next connection. */
static inline enum flow_role flow_role(const struct flow *flow)
{
    return (enum flow_role)atomic_load_explicit(&flow->role, memory_order_relaxed);
}

/* Do requests go that way? On a flow whose role is not known, as far as the bytes are those of one.
 */
static inline bool flow_asks(const struct flow *flow, enum side side)
{
    _Static_assert((int)FLOW_SERVER == SIDE_IN && (int)FLOW_CLIENT == SIDE_OUT, "who asks where");
    unsigned role = flow_role(flow);
    return role == side || role == FLOW_UNKNOWN;
}

/* The next bytes of a side go to that function of the protocol's own, rather than to the row's, as
 * long as none are kept. By a protocol that is being fed with that side's. */
static inline void flow_feed_next(struct flow *flow, enum side side, protocol_feed *feed)
{
    flow->side[side].feed = feed;
}

/* When the first of the bytes that a side is fed with came or went. */
static inline uint64_t flow_began_ns(const struct flow *flow, enum side side, uint64_t now_ns)
{
    return head_is_kept(&flow->side[side].place) ? flow->side[side].began_ns : now_ns;
}

/* From here on bytes of both sides are another protocol's, those that came before this answer
 * included: what looked like a request among them was none. To be said before the answer that
 * brings it about is over, so that no reader takes such a request for what it works for. */
void flow_switches(struct flow *flow);

/* Requests. An entry (pipeline.h) is one that waits for its answer, with a note of two bits; 0 is
 * none. */

/* A server's: a request began, with that exchange, or with none where none was free. Its span is
 * the protocol's to describe, until flow_over(). `whole`: nothing more of it comes. False: too many
 * wait, it is not understood. */
bool flow_ask(struct flow *flow, struct exchange *exchange, unsigned note, bool whole);
/* More of the newest request came: so many bytes of content are known, 0 where they are no longer.
 */
void flow_request_bytes(struct flow *flow, uint64_t bytes);
/* All of it. */
void flow_request_whole(struct flow *flow);

#define FLOW_NOTE(entry) ((entry) >> PIPELINE_NOTE)

/* The oldest entry. */
static inline uint32_t flow_front(const struct flow *flow)
{
    return pipeline_front(&flow->channel.pipeline);
}

/* An answer to nothing that was asked, and no refusal, begins. */
void flow_answers_nothing(struct flow *flow);
/* The answer to the oldest entry began, and goes on behind these bytes. */
void flow_answer_goes_on(uint32_t entry);

enum flow_tail {
    FLOW_TAIL_NEXT, /* another answer may follow */
    FLOW_TAIL_NONE, /* none will */
    FLOW_TAIL_CLOSE /* likewise, and this thread has not sent the end of it: the stream has ended */
};
/* It is over, with so many bytes of content. */
void flow_over(struct flow *flow, uint64_t bytes, enum flow_tail tail, uint64_t now_ns);

/* A client's: a request began to be sent. Its call is the flow's, and the protocol's to describe,
 * until flow_call_over(). NULL: there is none, because of memory or because too many wait
 * (counted), and nothing is to be told of it. */
struct call *flow_call(struct flow *flow, uint64_t began_ns);

static inline struct call *flow_call_of(uint32_t entry)
{
    return entry ? call_at((entry & PIPELINE_SLOT) - 1) : NULL;
}

/* The oldest call, and the newest; NULL: none is open. */
static inline struct call *flow_oldest_call(struct flow *flow)
{
    return flow_call_of(flow_front(flow));
}
struct call *flow_newest_call(struct flow *flow);

/* Is a thread in a call that sends? What it sends is not known yet, but the other end may have
 * answered it, and another thread read that. Then what came is kept until the call is through. */
bool flow_is_sending(const struct flow *flow);

/* The errno with which the server's stream ended; 0: as it should. At FLOW_ENDED. */
int flow_error(const struct flow *flow);

/* The oldest call is answered. */
void flow_call_over(struct flow *flow, uint64_t now_ns);

/* ---- for connections ---- */

/* NULL: which protocol it is is not known. */
static inline const struct flow_state *flow_spoken(const struct flow *flow)
{
    return atomic_load_explicit(&flow->state, memory_order_acquire);
}

/* The rows that flows are read by; before the first connection. */
void flow_set_protocols(const struct protocol *const *rows, size_t count);

struct flow_state *flow_state_take(const struct protocol *protocol);
void flow_state_give(struct flow_state *state);

#endif
