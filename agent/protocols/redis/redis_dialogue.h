// SPDX-License-Identifier: Apache-2.0
/* redis_dialogue.h - what goes and comes on one connection to a Redis server, as spans.
 *
 * Parsers of both directions, and the grouping, put together: bytes in, a listener's calls out.
 * Begins as all zero. What returns false is lost: no later bytes are understood. */
#ifndef AGENT_REDIS_DIALOGUE_H
#define AGENT_REDIS_DIALOGUE_H

#include "agent/protocols/redis/redis_batch.h"

struct redis_dialogue {
    struct resp_commands commands;
    struct resp_replies replies;
    uint64_t began_ns; /* the command that is being written */
    struct redis_batch batch;
};

/* Bytes of one write call, or of a part of it. Neither of the two is inlined: what the other way's
 * bytes need would lie below the caller's frame. */
__attribute__((noinline)) bool redis_dialogue_send(struct redis_dialogue *dialogue,
                                                   const struct redis_listener *listener,
                                                   struct slice bytes, uint64_t now_ns);
/* The write call is over. */
void redis_dialogue_sent(struct redis_dialogue *dialogue, const struct redis_listener *listener,
                         uint64_t now_ns);
__attribute__((noinline)) bool redis_dialogue_receive(struct redis_dialogue *dialogue,
                                                      const struct redis_listener *listener,
                                                      struct slice bytes, uint64_t now_ns);

/* Nothing more will go or come, or be understood. Describes the span whose commands were being
 * written; those that are not answered stay so. */
void redis_dialogue_end(struct redis_dialogue *dialogue, const struct redis_listener *listener,
                        uint64_t now_ns);

/* Do these bytes, the first that a client sends, begin a command of Redis? PARSE_MORE: perhaps. */
enum parse redis_dialogue_recognise(struct slice first);

#endif
