// SPDX-License-Identifier: Apache-2.0
/* talks.h - which connection a call may have met, where other threads give its descriptor to
 * another one meanwhile.
 *
 * Connections are told apart by number, in the order in which they were made. */
#ifndef TESTS_FUZZ_TALKS_H
#define TESTS_FUZZ_TALKS_H

#include <stdbool.h>

enum { NO_TALK = 0, ANY_TALK = -1, TALKS_MOST = 64 };

/* Those that a descriptor has been. */
struct history {
    int talks[TALKS_MOST];
    int count;
    int settled; /* from there on each may be the one it is now */
    int changing;
    bool at_once; /* by several threads: who is last? */
};

/* Those that a call, while it lasted, may have met. */
struct talks {
    int list[TALKS_MOST];
    int count;
};

static inline void history_begin(struct history *history)
{
    *history = (struct history){.talks = {NO_TALK}, .count = 1};
}

static inline void change_begins(struct history *history, int talk)
{
    history->at_once |= history->changing++ > 0;
    if (history->count == TALKS_MOST)
        history->talks[TALKS_MOST - 1] = ANY_TALK;
    else
        history->talks[history->count++] = talk;
}

static inline void change_ends(struct history *history)
{
    if (--history->changing)
        return;
    if (!history->at_once)
        history->settled = history->count - 1;
    history->at_once = false;
}

/* The one it surely is, or ANY_TALK. */
static inline int talk_now(const struct history *history)
{
    bool known = !history->changing && history->settled == history->count - 1;
    return known ? history->talks[history->settled] : ANY_TALK;
}

/* Those since it was `settled`, as it stood when the call began. */
static inline struct talks talks_since(const struct history *history, int settled)
{
    struct talks talks = {.count = 0};
    for (int i = settled; i < history->count; i++)
        talks.list[talks.count++] = history->talks[i];
    return talks;
}

static inline bool talks_meet(const struct talks *some, const struct talks *others)
{
    for (int i = 0; i < some->count; i++)
        for (int j = 0; j < others->count; j++)
            if (some->list[i] == ANY_TALK || others->list[j] == ANY_TALK ||
                (some->list[i] == others->list[j] && some->list[i] != NO_TALK))
                return true;
    return false;
}

#endif
