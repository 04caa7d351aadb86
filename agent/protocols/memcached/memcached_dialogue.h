// SPDX-License-Identifier: Apache-2.0
/* memcached_dialogue.h - what goes and comes on one connection to memcached, as spans.
 *
 * Readers of both directions, and the grouping, put together: bytes in, a listener's calls out.
 * Begins as all zero. What returns false is lost: no later bytes are understood. */
#ifndef AGENT_MEMCACHED_DIALOGUE_H
#define AGENT_MEMCACHED_DIALOGUE_H

#include "agent/protocols/memcached/memcached_batch.h"

struct memcached_dialogue {
    struct memcached_requests requests;
    struct memcached_answers answers;
    uint64_t began_ns; /* the command that is being written */
    struct memcached_batch batch;
};

/* Bytes of one write call, or of a part of it. Neither this nor the other way is inlined: what one
 * needs would lie below the other's frame. */
__attribute__((noinline)) bool memcached_dialogue_send(struct memcached_dialogue *dialogue,
                                                       const struct memcached_listener *listener,
                                                       struct slice bytes, uint64_t now_ns);
/* The write call is over. */
void memcached_dialogue_sent(struct memcached_dialogue *dialogue,
                             const struct memcached_listener *listener, uint64_t now_ns);
__attribute__((noinline)) bool memcached_dialogue_receive(struct memcached_dialogue *dialogue,
                                                          const struct memcached_listener *listener,
                                                          struct slice bytes, uint64_t now_ns);

/* Nothing more will go or come, or be understood. Describes the span whose commands were being
 * written; those that are not answered stay so. */
void memcached_dialogue_end(struct memcached_dialogue *dialogue,
                            const struct memcached_listener *listener, uint64_t now_ns);

/* Do these bytes, the first that a client sends, begin a command of memcached? PARSE_MORE: perhaps.
 * PARSE_BAD also for one that other protocols have, too. */
enum parse memcached_recognise(struct slice first);

/* Are they of memcached's binary protocol, which is not read? */
enum parse memcached_recognise_binary(struct slice first);

#endif
