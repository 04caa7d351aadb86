// SPDX-License-Identifier: Apache-2.0
/* stack_trace.h - where in the program a call failed.
 *
 * Taken on the calling thread, but on a stack of ours with room, as return addresses and modules
 * (frames.h); names come later. Not in a signal handler: what it has interrupted may hold what
 * libunwind or the loader needs, or have a stack half made. One is known by the frame that the
 * kernel has put on the stack for it. */
#ifndef AGENT_STACK_TRACE_H
#define AGENT_STACK_TRACE_H

#include "agent/span/span.h"

/* Once, where stack traces are asked for: what the program's own file is called. */
void stack_trace_init(void);

/* Adds the caller's stack to the event just begun, if it can be had. Takes 700 bytes of stack. */
__attribute__((cold)) void stack_trace_add(struct span *span);

#endif
