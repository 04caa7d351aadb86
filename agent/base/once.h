// SPDX-License-Identifier: Apache-2.0
/* once.h - what is done once in a process, by the thread that comes to it first.
 *
 * It is done on a stack of ours, with no signal delivered (own_stack.h). Threads that come
 * meanwhile wait, at most for ONCE_NS; a signal handler above the thread that is at it can't, and
 * is told that it has not been done. Not pthread_once(): what fails must not be waited for, and a
 * forked child may find a thread at it that is not there. */
#ifndef AGENT_ONCE_H
#define AGENT_ONCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ONCE_NS 2000000000u /* what is done takes a millisecond, on a slow disk some more */

enum once_state { ONCE_NOT, ONCE_NOW, ONCE_DONE, ONCE_FAILED };

/* All zero: not done. */
struct once {
    _Atomic uint32_t state; /* enum once_state; DONE and FAILED are stored with release */
};

/* Acquire: whoever finds it done sees what was done. */
static inline bool once_is_done(const struct once *once)
{
    return atomic_load_explicit(&once->state, memory_order_acquire) == ONCE_DONE;
}

__attribute__((cold)) bool once_do(struct once *once, bool (*make)(void));

/* Has make() been done, now or before, with success? Where it failed it is not tried again. A load
 * and a compare once it is done. */
static inline bool once_run(struct once *once, bool (*make)(void))
{
    return once_is_done(once) || once_do(once, make);
}

/* In a forked child: it is to be done anew. */
void once_reset(struct once *once);

/* Likewise: where a thread was at it that is not here, it is to be done anew. */
void once_forked(struct once *once);

#endif
