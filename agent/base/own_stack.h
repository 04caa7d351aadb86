// SPDX-License-Identifier: Apache-2.0
/* own_stack.h - work that is done once, on a stack of ours.
 *
 * Threads of PTHREAD_STACK_MIN and handlers on small signal stacks make calls that we observe, and
 * have no room for more than the program needs. What is done for each request uses little. What is
 * done once, for a process or for a thread of ours, may call the resolver, the loader, printf() and
 * all the rest of the C library; so it is done here.
 *
 * Meanwhile the thread can't be cancelled, and no signal is delivered to it: a handler would run on
 * our stack, or begin at the top of an alternate one, whose frames still wait for us. (But for
 * those of the C library's own, by which all threads take another user on.) */
#ifndef AGENT_OWN_STACK_H
#define AGENT_OWN_STACK_H

#include <stdbool.h>

/* Calls it, on the calling thread, and returns when it has returned. False, and nothing was called,
 * where there is no memory for a stack. Any thread, also in a signal handler. Keeps errno as the
 * function leaves it; as it was where nothing was called. */
bool own_stack_run(void (*act)(void *context), void *context);

/* The same for what may take as long as somebody else's server takes: signals are delivered, unless
 * the thread is on an alternate signal stack. */
bool own_stack_run_long(void (*act)(void *context), void *context);

#endif
