// SPDX-License-Identifier: Apache-2.0
/* connection.h - what is known of a descriptor that carries bytes to or from a peer.
 *
 * Connections are found through a table indexed by descriptor number: two loads, one for a
 * number that was never used. Several descriptors may share one (dup). State is reset when a
 * descriptor is made, because closes can go unseen (libuv closes by raw system call, children of
 * vfork close in our memory).
 *
 * Each side of its flow is owned by the thread that moved the bytes, by one CAS. Threads that meet
 * at one side make the connection opaque: the order of their bytes is unknown. An
 * opaque connection costs one load and is not looked at again until its descriptor is reused.
 *
 * Who sends owns its side also while the kernel waits for the peer, and need not come back
 * from there: a signal handler jumps away, the thread is cancelled. So what is owned across a call
 * can be taken away: by the thread itself, which is here because it left that call, and by anybody
 * once the thread has ended. How many bytes went is unknown then, so the connection is opaque.
 *
 * What was open when the connection became opaque ends there and then, by whoever owns both
 * sides: its spans say what was known and that the rest was not seen. Where only requests are
 * lost, the answers to those read before are still followed. */
#ifndef AGENT_CONNECTION_H
#define AGENT_CONNECTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "agent/net/flow.h"

enum connection_role {
    CONNECTION_SERVER = FLOW_SERVER,   /* accepted */
    CONNECTION_CLIENT = FLOW_CLIENT,   /* connected */
    CONNECTION_UNKNOWN = FLOW_UNKNOWN, /* somebody else's, or one of a pair */
    CONNECTION_LISTENER = FLOW_NONE,   /* carries no bytes, but tells whose wait a wait is */
    CONNECTION_LOOP /* an epoll descriptor through which requests reach a thread; likewise */
};

#define CONNECTION_AWAY 1u /* in a side's `owner`: the thread is in a system call, not at work */

enum {
    CONNECTION_DUE_LOSS = 1, /* it became opaque: what is open is lost to view */
    CONNECTION_DUE_END = 2,  /* a client's: its server will send nothing more */
    CONNECTION_DUE_DROP = 4, /* nobody looks at it any more, nor has to */
    CONNECTION_DUE_CLOSE = 8 /* no descriptor is left */
};

/* In `sent_bytes`, where the connection was not new: no number of bytes is as large. */
#define CONNECTION_UNCOUNTED (UINT64_MAX / 2)

struct connection {
    uint64_t link; /* the slab's, while free */
    uint32_t index;
    _Atomic bool opaque;
    _Atomic bool requests_lost;  /* some were not understood: counted as an opaque one is */
    _Atomic uint8_t unseen;      /* enum unseen: how it began, where the answer will tell */
    _Atomic uint8_t due;         /* CONNECTION_DUE_*: for whoever owns both sides */
    _Atomic bool handed_on;      /* another process has it, too: our close need not be its end */
    _Atomic bool refused;        /* an answer was tried, and the other end had gone */
    bool client_wrote;           /* a client connection's first write keeps connect()'s owner */
    _Atomic uint32_t fork_epoch; /* the process that last moved a byte on it */
    uint64_t sent_bytes;         /* seen since it was accepted; under the owner of SIDE_OUT */
    _Atomic uint64_t last_ns;    /* of the last byte seen: the end where a close went unseen */
    _Atomic int error;           /* a client's: the errno that CONNECTION_DUE_END came with, or 0 */
    _Atomic uint64_t owner;      /* CONNECTION_CLIENT: a struct owner; stands alone, so relaxed */
    struct flow flow;
};

/* The connection of a flow: for this room. */
static inline struct connection *flow_connection(const struct flow *flow)
{
    return (struct connection *)(uintptr_t)((const char *)flow - offsetof(struct connection, flow));
}

/* Relaxed: whoever does not own a direction may learn of a change late, or of the slot's next
 * connection. */
static inline enum connection_role connection_role(const struct connection *connection)
{
    return (enum connection_role)atomic_load_explicit(&connection->flow.role, memory_order_relaxed);
}

static inline struct owner connection_owner(const struct connection *connection)
{
    uint64_t word = atomic_load_explicit(&connection->owner, memory_order_relaxed);
    return (struct owner){(uint32_t)word, (uint32_t)(word >> 32)};
}

static inline void connection_set_owner(struct connection *connection, struct owner owner)
{
    atomic_store_explicit(&connection->owner, owner.exchange | (uint64_t)owner.generation << 32,
                          memory_order_relaxed);
}

/* Two levels, so that any number fits: 2^15 chunks of 2^16 entries. The upper level lies in
 * .bss, whose untouched pages cost nothing; a chunk is mapped when its first number is used. */
#define CONNECTION_CHUNK_BITS 16
#define CONNECTION_CHUNKS     (1u << 15)

struct connection_entry {
    _Atomic(struct connection *) connection;
};
extern _Atomic(struct connection_entry *) connection_chunks[CONNECTION_CHUNKS];

static inline struct connection_entry *connection_entry(int fd)
{
    if (fd < 0)
        return NULL;
    struct connection_entry *chunk = atomic_load_explicit(
        &connection_chunks[(unsigned)fd >> CONNECTION_CHUNK_BITS], memory_order_acquire);
    return chunk ? &chunk[(unsigned)fd & ((1u << CONNECTION_CHUNK_BITS) - 1)] : NULL;
}

/* The connection of a descriptor, or NULL. Two loads. */
static inline struct connection *connection_of(int fd)
{
    struct connection_entry *found = connection_entry(fd);
    /* Acquire pairs with the release where it was entered: it is seen initialised. */
    return found ? atomic_load_explicit(&found->connection, memory_order_acquire) : NULL;
}

/* The descriptor is a new connection from now on; what was known of the number is ended. */
void connection_open(int fd, enum connection_role role, const struct sockaddr *address,
                     socklen_t length);
/* The same by connect(), whose end, where it has come, is now. */
void connection_connected(int fd, const struct sockaddr *address, socklen_t length, bool is_over);
/* The descriptor is no connection (any more). With the last descriptor its exchanges end. */
void connection_release(int fd);
void connection_share(int from, int to);
/* Releases the tracked ones of first..last. */
void connection_release_range(unsigned first, unsigned last);

/* sending.c: the process ends on this thread, in a frame at `here` of a stack that ends at `end`;
 * 0: another stack than the thread's own. If that is above a call that sends, what the kernel took
 * is sent; where it does not say, the connection is lost to view. */
void connection_process_ends(uintptr_t here, uintptr_t end);

/* The process ends: connections on which the client took no more end with it. The others may go on
 * in a process that was forked. */
void connection_release_refused(void);

/* The process is about to become another program: a bit for each of the first 64 exchanges' slots
 * whose connection goes on there, because a descriptor of it is not close-on-exec. */
uint64_t connection_outliving(void);

/* The calling thread, which owns that side, is about to read of a server connection. */
void connection_reads(struct connection *connection, int fd);

/* One side belongs to the calling thread until it is given up. False: the connection is opaque, is
 * another one by now, or another thread is at that side (then it is made opaque). `fd` is the
 * number it was found by. */
bool connection_claim(struct connection *connection, enum side side, int fd);
void connection_unclaim(struct connection *connection, enum side side);

/* The owner leaves for a call that may take long, or never return; for connection_come_back(),
 * which is false where the side was taken away meanwhile. */
static inline uint64_t connection_leave(struct connection *connection, enum side side)
{
    _Atomic uint64_t *owner = &connection->flow.side[side].owner;
    uint64_t claim = atomic_load_explicit(owner, memory_order_relaxed);
    /* Release pairs with the acquire of who takes the side over. */
    atomic_store_explicit(owner, claim | CONNECTION_AWAY, memory_order_release);
    return claim;
}

static inline bool connection_come_back(struct connection *connection, enum side side,
                                        uint64_t claim)
{
    uint64_t left = claim | CONNECTION_AWAY;
    /* Relaxed: what is read next this thread wrote itself. */
    return atomic_compare_exchange_strong_explicit(&connection->flow.side[side].owner, &left, claim,
                                                   memory_order_relaxed, memory_order_relaxed);
}

/* A client's bytes are about to go: they belong to the exchange that connected it, later to the one
 * in which each request is written. By the owner of SIDE_OUT. */
void connection_client_writes(struct connection *connection);

/* stream.c: of bytes that came in, or went out, how many were understood at once. */
struct fed stream_feed_received(struct connection *connection, struct slice bytes, uint64_t now_ns);
struct fed stream_feed_sent(struct connection *connection, struct slice bytes, uint64_t now_ns);
/* stream_feed.c: deals with the rest, or with what the protocol says of it. */
__attribute__((cold)) void stream_go_on(struct connection *connection, enum side side,
                                        struct slice bytes, struct fed fed, uint64_t now_ns);
/* Gives a side's protocol once more what is kept of it: what came before may make it understood. */
void stream_feed_kept(struct connection *connection, enum side side);
/* Whose work this thread does, now that it has read. */
void stream_was_received(struct connection *connection);

/* Bytes came in or went out at `now_ns`; the caller owns that side. NULL bytes: content unknown
 * (sendfile, MSG_TRUNC). The pieces of one call are fed in order, a call each. Inlined, because the
 * caller has a frame already. */
static inline void stream_received(struct connection *connection, const char *bytes, size_t length,
                                   uint64_t now_ns)
{
    struct slice whole = {bytes, length};
    struct fed fed = stream_feed_received(connection, whole, now_ns);
    if (__builtin_expect(!is_whole(fed, length), 0))
        stream_go_on(connection, SIDE_IN, whole, fed, now_ns);
    stream_was_received(connection);
}

static inline void stream_sent(struct connection *connection, const char *bytes, size_t length,
                               uint64_t now_ns)
{
    struct slice whole = {bytes, length};
    struct fed fed = stream_feed_sent(connection, whole, now_ns);
    if (__builtin_expect(!is_whole(fed, length), 0))
        stream_go_on(connection, SIDE_OUT, whole, fed, now_ns);
}

/* This process moves bytes, or could not: what its parent had left unanswered there is its own. */
void stream_touch(struct connection *connection, uint64_t now_ns);
/* sent_file.c: `length` bytes went out of a file, up to the offset *end; NULL: up to its own. */
void stream_sent_file(struct connection *connection, int file, const off_t *end, size_t length,
                      uint64_t now_ns);
/* The application's call that sent them is through. */
void stream_client_sent(struct connection *connection, uint64_t now_ns);
static inline void stream_call_sent(struct connection *connection, uint64_t now_ns)
{
    if (connection_role(connection) == CONNECTION_CLIENT)
        stream_client_sent(connection, now_ns);
}
/* A client has read the end of what its server sends, or that error: nothing that it asked will be
 * answered any more. By the owner of SIDE_IN. */
void connection_server_ended(struct connection *connection, int error, uint64_t now_ns);
/* No further byte will be sent: ends a response that lasts until close. */
void stream_sending_ended(struct connection *connection, uint64_t now_ns);

/* This process forked, or is a forked child. Exchanges that are open then stay the parent's,
 * unless the thread that forked while it worked for one closes that connection without having
 * waited or read since: that is how a request is handed over. A child has them when it moves a
 * byte. */
void connection_forked(void);
void connection_forked_child(void);
uint32_t connection_fork_epoch(void);

/* ---- between the files of this room: descriptor.c (the table), connection.c (lifetime,
 * ownership), stream.c, stream_feed.c and flow_ask.c (bytes), role.c ---- */

/* A taken slot becomes a connection with one descriptor. */
void connection_reset(struct connection *connection, uint32_t index, enum connection_role role);

/* connection_claim() for those who own the other side: never makes it opaque. */
bool connection_take(struct flow_side *side);

/* One descriptor more. False where the last one has gone: it must not come back to life, because
 * its slot may be given to another. */
bool connection_add_reference(struct connection *connection);

/* The number by which it was found last is nobody's any more. True: it was the last one, and the
 * connection is over; owns both sides. */
bool connection_drop(struct connection *connection);

/* One descriptor less; with the last the connection is over, by this thread or, where another
 * thread is at work on it, by that one when it is done. */
void connection_drop_reference(struct connection *connection);

/* Is it this process that ends what is open? Not what its parent had, nor where this thread leaves
 * the connection to a child. */
bool connection_is_ours(const struct connection *connection);

/* Does a read of that connection wait until something comes? Of one by a descriptor by which it was
 * found, if it still is its; asked of the kernel. */
bool connection_reads_wait(const struct channel *channel);

/* Back to the slab. */
void connection_give_back(struct connection *connection);

/* Not looked at any more; counted unless the protocol said so (a tunnel). What is open ends when
 * the threads at work on it are done. */
void connection_make_opaque(struct connection *connection, bool counted);
/* Counted as one that is opaque, and not again when it becomes so. */
void connection_count_loss(struct connection *connection);

/* What a side is fed to while its protocol is not known, something is kept of it, or it is deaf. */
protocol_feed stream_feed_slowly;
/* Gives back what the flow holds but for its entries: what comes next is of no known protocol. By
 * the owner of both sides, or the thread that is in a client's protocol. */
void stream_let_go(struct flow *flow);

/* Ends what is open as lost to view; owns both sides. */
void stream_lost(struct connection *connection);
/* Ends a client's calls, which nobody answers any more; owns both sides. */
void stream_ended(struct connection *connection);
/* Ends or forgets what is still open when the connection is over; owns both sides. */
void stream_close(struct connection *connection);

/* Of what is not known to be a server's: bytes came, or went. Is it a server's, after all? */
bool connection_serves_reader(struct connection *connection, struct slice bytes);
bool connection_serves_writer(struct connection *connection, struct slice bytes);

/* Nobody reads along any more, but whom its bytes belong to is still followed. What is open ends
 * when the threads at work on it are done. */
void connection_stop_reading(struct connection *connection, bool counted);

#endif
