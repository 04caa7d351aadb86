// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/curl/curl_multi.h"

#include "agent/base/clock.h"

HANDLE_TABLE(multis, sizeof(struct curl_multi), 8);

void curl_multi_made(void *multi)
{
    handle_make(&multis, multi);
}

void curl_multi_drop(void *multi)
{
    struct curl_multi *known = handle_find(&multis, multi);
    if (known)
        known->is_closed = true;
    handle_drop(&multis, multi);
}

void curl_multi_turn(void *multi)
{
    struct curl_multi *known = handle_find(&multis, multi);
    if (!known || !known->has_new)
        return;
    known->begun_ns[known->batch % CURL_MULTI_BATCHES] = clock_monotonic_ns();
    known->batch++;
    known->has_new = false;
}

void curl_multi_turned(void *multi, int running)
{
    struct curl_multi *known = handle_find(&multis, multi);
    if (!known)
        return;
    known->running = running;
    known->doubtful = 0;
}

void curl_multi_join(void *multi, struct curl_membership *membership)
{
    struct curl_multi *known = handle_find(&multis, multi);
    if (membership)
        *membership = (struct curl_membership){.multi = known};
    if (!known)
        return;
    if (!membership) {
        known->is_partial = true;
        return;
    }
    known->has_new = true;
    known->running++;
    known->unread++;
    membership->generation = known->handle.generation;
    membership->batch = known->batch;
}

/* An object of a multi that is gone stays as it was, until it becomes another's. */
static struct curl_multi *multi_of(const struct curl_membership *membership)
{
    struct curl_multi *multi = membership->multi;
    return multi && multi->handle.generation == membership->generation ? multi : NULL;
}

uint64_t curl_multi_begun_ns(const struct curl_membership *membership)
{
    const struct curl_multi *multi = multi_of(membership);
    uint32_t age = multi ? multi->batch - membership->batch : 0;
    return age > 0 && age <= CURL_MULTI_BATCHES
               ? multi->begun_ns[membership->batch % CURL_MULTI_BATCHES]
               : 0;
}

enum curl_state curl_multi_state(const struct curl_membership *membership)
{
    const struct curl_multi *multi = multi_of(membership);
    if (!multi)
        return CURL_STATE_UNKNOWN;
    if (membership->batch == multi->batch)
        return CURL_STATE_NOT_BEGUN;
    if (multi->is_partial)
        return CURL_STATE_UNKNOWN;
    if (multi->running <= 0)
        return CURL_STATE_ENDED;
    return multi->running - multi->doubtful >= (int)multi->unread ? CURL_STATE_RUNNING
                                                                  : CURL_STATE_UNKNOWN;
}

void curl_multi_read(struct curl_membership *membership)
{
    struct curl_multi *multi = multi_of(membership);
    membership->multi = NULL;
    if (multi && !multi->is_closed)
        multi->unread--;
}

void curl_multi_leave(struct curl_membership *membership, enum curl_state state)
{
    struct curl_multi *multi = multi_of(membership);
    membership->multi = NULL;
    if (!multi || multi->is_closed)
        return;
    multi->unread--;
    if (state == CURL_STATE_NOT_BEGUN || state == CURL_STATE_RUNNING)
        multi->running--;
    else if (state == CURL_STATE_UNKNOWN)
        multi->doubtful++;
}
