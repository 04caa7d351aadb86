// SPDX-License-Identifier: Apache-2.0
/* life.h - noticing that this process is a forked child.
 *
 * A child inherits the agent's memory but neither its exporter thread nor the right to its
 * records. Wrapping fork misses daemon, _Fork and raw clone; a page that the kernel wipes at fork
 * (MADV_WIPEONFORK, Linux 4.14) catches every kind, and leaves vfork children alone, who share
 * their parent's memory. On older kernels pthread_atfork's registry stands in: it sees fork() and
 * daemon(), but no raw clone. */
#ifndef AGENT_LIFE_H
#define AGENT_LIFE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum life {
    LIFE_WIPED,    /* forked, nobody has noticed: zero, because the kernel wipes to it */
    LIFE_SETTLING, /* one thread of the child is setting the agent up anew */
    LIFE_SAME      /* the process that was last acknowledged */
};

/* Of the page. Set once by life_init; before that it points at a word that says LIFE_SAME. */
extern _Atomic uint32_t *life_mark;

/* Once, in the constructor. */
void life_init(void);

/* True for one thread of each forked child, once: that thread makes everything anew, then calls
 * life_acknowledge. Until then the others, and signal handlers on that thread, find
 * life_settling() true and have to leave the agent alone. */
static inline bool life_forked(void)
{
    /* Acquire: pairs with the release in life_acknowledge; who finds the process settled finds
     * the agent as it was set up. */
    if (atomic_load_explicit(life_mark, memory_order_acquire) == LIFE_SAME)
        return false;
    /* Relaxed: the winner needs only to be one. */
    uint32_t wiped = LIFE_WIPED;
    return atomic_compare_exchange_strong_explicit(life_mark, &wiped, LIFE_SETTLING,
                                                   memory_order_relaxed, memory_order_relaxed);
}

static inline bool life_settling(void)
{
    return atomic_load_explicit(life_mark, memory_order_acquire) != LIFE_SAME;
}

/* Marks this process as known. By the thread that was told of the fork. */
void life_acknowledge(void);

#endif
