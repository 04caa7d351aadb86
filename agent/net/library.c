// SPDX-License-Identifier: Apache-2.0
#include "agent/net/library.h"

#include <stdint.h>

/* How far below the hook's frame a library's own calls lie: more than its stack takes. */
#define WITHIN_BYTES 262144

static __thread uintptr_t tl_outermost; /* the struct library_call of the call; 0: none */

static bool is_below(uintptr_t here)
{
    return tl_outermost > here && tl_outermost - here < WITHIN_BYTES;
}

void library_enter(struct library_call *call)
{
    call->is_outermost = !is_below((uintptr_t)call);
    if (call->is_outermost)
        tl_outermost = (uintptr_t)call;
}

void library_leave(const struct library_call *call)
{
    if (call->is_outermost)
        tl_outermost = 0;
}

bool library_is_calling(void)
{
    char here;
    return tl_outermost && is_below((uintptr_t)&here);
}
