// SPDX-License-Identifier: Apache-2.0
/* curl_multi.h - what is known of a multi handle: when its transfers began, and how many go on.
 *
 * libcurl says of a transfer how long it took, not when; and that it has ended only in a message
 * that is gone once somebody has read it, which must be the application. So we note when the multi
 * had its turns: a transfer begins with the first turn after it was added. After each turn libcurl
 * says how many transfers are running; of a transfer whose message nobody has read this tells
 * whether it has ended where all of these go on, or none does. */
#ifndef AGENT_CURL_MULTI_H
#define AGENT_CURL_MULTI_H

#include "agent/base/handle.h"

#define CURL_MULTI_BATCHES 32

struct curl_multi {
    _Alignas(64) struct handle handle;
    bool is_closed;
    bool is_partial; /* it holds handles that we don't know */
    bool has_new;    /* transfers of `batch` are there, which had no turn yet */
    uint32_t batch;  /* what is added now, until the next turn */
    int running;     /* as the library says, and what was added or taken out since */
    int doubtful;    /* of what was taken out since, so many may be among `running` */
    unsigned unread; /* transfers without a message read */
    uint64_t begun_ns[CURL_MULTI_BATCHES]; /* of the last batches, CLOCK_MONOTONIC */
};

/* An easy handle's place in a multi. */
struct curl_membership {
    struct curl_multi *multi; /* NULL: in none that is known */
    uint32_t generation;      /* the multi's */
    uint32_t batch;
};

enum curl_state {
    CURL_STATE_UNKNOWN,
    CURL_STATE_NOT_BEGUN, /* no turn since it was added: nothing was sent */
    CURL_STATE_RUNNING,
    CURL_STATE_ENDED
};

void curl_multi_made(void *multi);
void curl_multi_drop(void *multi);
/* Around a turn: curl_multi_perform() and its kin. */
void curl_multi_turn(void *multi);
void curl_multi_turned(void *multi, int running);

/* An easy handle was added; NULL: one that we don't know. */
void curl_multi_join(void *multi, struct curl_membership *membership);
/* When the member's transfer began, CLOCK_MONOTONIC; 0 where that is not known (any more). */
uint64_t curl_multi_begun_ns(const struct curl_membership *membership);
/* The member's message was read. */
void curl_multi_read(struct curl_membership *membership);
/* Of a member without a message read. */
enum curl_state curl_multi_state(const struct curl_membership *membership);
/* Such a member is taken out, in that state as far as is known by now. */
void curl_multi_leave(struct curl_membership *membership, enum curl_state state);

#endif
