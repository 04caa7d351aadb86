// SPDX-License-Identifier: Apache-2.0
/* library.h - is this thread in a call of a client library that is observed itself?
 *
 * A socket that is connected in such a call, or written to first, is the library's for life: what
 * goes over it is told by the library's own spans, and would be told twice.
 *
 * Such a call may never return, where a callback jumps out of it: so a thread notes the frame that
 * the call was made from, and what lies elsewhere than a bit below that is in no such call. */
#ifndef AGENT_LIBRARY_H
#define AGENT_LIBRARY_H

#include <stdbool.h>

/* In the frame of the hook, around the call. */
struct library_call {
    bool is_outermost; /* libraries call themselves by their exported names */
};

void library_enter(struct library_call *call);
void library_leave(const struct library_call *call);

bool library_is_calling(void);

#endif
