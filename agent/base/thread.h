// SPDX-License-Identifier: Apache-2.0
/* thread.h - threads of ours in a process that is not ours.
 *
 * They are made here, all of them: named "otelagent", with all signals held, because a handler of
 * the program's must not run there, and with little stack. What they do is not observed. */
#ifndef AGENT_THREAD_H
#define AGENT_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts one that calls run(). Returns 0 or an error number, as pthread_create(). */
int thread_create(pthread_t *thread, void (*run)(void));

/* The calling thread gives way to the program's from now on: it is scheduled as a batch job
 * (SCHED_BATCH), which preempts nobody when it wakes, and never in real time, which it may have
 * been born to. Not where a filter of system calls is in force, which may kill for that (systemd's
 * ~@resources), nor where nobody can say. */
void thread_give_way(void);

extern __thread bool tl_thread_own;

/* Is the calling thread one of ours, or taken for one? */
static inline bool thread_is_own(void)
{
    return tl_thread_own;
}

/* From now on the calling thread is taken for one of ours. */
void thread_mark_own(void);

#endif
