// SPDX-License-Identifier: Apache-2.0
/* thread.h - threads of ours in a process that is not ours. */
#ifndef EXPORTER_THREAD_H
#define EXPORTER_THREAD_H

#include <pthread.h>

/* Starts one that inherits the caller's mask of signals. Returns 0 or an error number, as
 * pthread_create(). */
int thread_create(pthread_t *thread, void *(*function)(void *unused));

/* First on such a thread: names it "otelagent" and has `mark`, which may be NULL, say that it is
 * the agent's. */
void thread_begin(void (*mark)(void));

#endif
