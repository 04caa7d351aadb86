// SPDX-License-Identifier: Apache-2.0
/* What protocols keep, in slabs of five sizes. */
#include "agent/net/flow.h"

#include <string.h>

#include "agent/base/slab.h"

#define SIZES 5
#define LEAST ((size_t)128) /* bytes; each size is twice the one before */

#define SIZE(bytes) SLAB_INIT(bytes, 1024, 1024 * SLAB_CHUNKS)
static struct slab slabs[SIZES] = {SIZE(LEAST), SIZE(2 * LEAST), SIZE(4 * LEAST), SIZE(8 * LEAST),
                                   SIZE(16 * LEAST)};
#undef SIZE

_Static_assert(sizeof(struct flow_state) + FLOW_STATE_MOST <= 16 * LEAST, "the largest fits");

struct flow_state *flow_state_take(const struct protocol *protocol)
{
    uint32_t size = 0;
    while (LEAST << size < sizeof(struct flow_state) + protocol->state_bytes)
        size++;
    uint32_t index;
    struct flow_state *state = slab_take(&slabs[size], &index);
    if (!state)
        return NULL;
    state->protocol = protocol;
    state->index = index;
    state->size = size;
    memset(state->bytes, 0, protocol->state_bytes);
    return state;
}

void flow_state_give(struct flow_state *state)
{
    slab_give(&slabs[state->size], state->index);
}
