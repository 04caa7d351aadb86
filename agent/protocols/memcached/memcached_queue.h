// SPDX-License-Identifier: Apache-2.0
/* memcached_queue.h - commands whose answers are to come, and which answer is whose.
 *
 * Answers come in the order of the commands. Most commands have one answer. Two sorts may have
 * none: those with `noreply` are answered by errors only, and not by all of those; quiet ones (`q`)
 * are not answered where all went as usual. So an answer behind such commands may be theirs, or
 * that of the first one after them that is sure to be answered. Which, its kind tells, or the word
 * that the client chose for that (`O`, `k`); where neither does, it can't be told, and the flow is
 * lost.
 *
 * Commands lie here as turns: some that may be answered, then some that will be. */
#ifndef AGENT_MEMCACHED_QUEUE_H
#define AGENT_MEMCACHED_QUEUE_H

#include "agent/protocols/memcached/memcached_wire.h"

#define MEMCACHED_TURNS_MOST 24
#define MEMCACHED_EARLY_MOST 64 /* answers */

#define MEMCACHED_BIT(kind) (uint16_t)(1u << (kind)) /* enum memcached_answer_kind */

struct memcached_turn {
    uint16_t maybe;    /* kinds of answers to commands that may be answered, before the others */
    uint16_t kinds;    /* of the first that will be */
    bool has_untagged; /* of the quiet ones, some without a word of the client's */
    uint32_t sure;     /* how many will be answered */
    struct memcached_tag tag; /* of the first of them */
};

struct memcached_queue {
    uint8_t count;
    uint8_t early; /* answers whose commands are not known yet: another thread read them */
    struct memcached_turn turns[MEMCACHED_TURNS_MOST];
};

enum memcached_whose {
    MEMCACHED_OF_SURE,  /* the first command that was sure to be answered is */
    MEMCACHED_OF_MAYBE, /* of one that was not */
    MEMCACHED_OF_EARLY, /* of one that will be known soon */
    MEMCACHED_OF_NOBODY /* not understood */
};

/* A command whose line has gone. False: too many turns. *answered: its answer had come before. */
bool memcached_queue_put(struct memcached_queue *queue, const struct memcached_requests *request,
                         bool *answered);

/* Will it surely be answered? */
bool memcached_is_answered(const struct memcached_requests *request);

enum memcached_whose memcached_queue_take(struct memcached_queue *queue,
                                          const struct memcached_answer *answer);

#endif
