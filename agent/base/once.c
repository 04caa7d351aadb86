// SPDX-License-Identifier: Apache-2.0
#include "agent/base/once.h"

#include "agent/base/futex.h"
#include "agent/base/own_stack.h"

static __thread bool tl_making; /* this thread is at something that is done once */

struct making {
    bool (*make)(void);
    bool made;
};

static void make_on_own_stack(void *context)
{
    struct making *making = context;
    making->made = making->make();
}

static uint32_t make_it(struct once *once, bool (*make)(void))
{
    struct making making = {make, false};
    tl_making = true;
    own_stack_run(make_on_own_stack, &making);
    tl_making = false;
    uint32_t state = making.made ? ONCE_DONE : ONCE_FAILED;
    atomic_store_explicit(&once->state, state, memory_order_release);
    futex_wake(&once->state);
    return state;
}

__attribute__((noinline)) bool once_do(struct once *once, bool (*make)(void))
{
    uint32_t state = ONCE_NOT;
    if (atomic_compare_exchange_strong(&once->state, &state, ONCE_NOW))
        return make_it(once, make) == ONCE_DONE;
    if (state == ONCE_NOW && !tl_making)
        futex_wait_while(&once->state, ONCE_NOW, ONCE_NS);
    return once_is_done(once);
}

void once_reset(struct once *once)
{
    atomic_store_explicit(&once->state, ONCE_NOT, memory_order_relaxed);
}

void once_forked(struct once *once)
{
    uint32_t by_another = ONCE_NOW;
    if (!tl_making)
        atomic_compare_exchange_strong(&once->state, &by_another, ONCE_NOT);
}
