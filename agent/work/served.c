// SPDX-License-Identifier: Apache-2.0
#include "agent/work/served.h"

#include "agent/base/counters.h"
#include "agent/life/agent.h"
#include "agent/queue/family.h"
#include "agent/work/exchange.h"

_Atomic bool served_watched = true;

void served_reset(void)
{
    atomic_store_explicit(&served_watched, true, memory_order_relaxed);
}

__attribute__((cold, noinline)) void served(struct exchange *exchange)
{
    if (ignore_has(&agent.ignore, exchange_head(exchange)->request.target)) {
        exchange->recording = false;
        exchange->self.flags &= (uint8_t)~TRACE_FLAG_SAMPLED;
        exchange->self.flags |= TRACE_FLAG_LEFT_OUT;
        counters_add(&counters.left_out_ignored, 1);
        return;
    }
    family_say_serves();
    if (!agent.ignore.count)
        atomic_store_explicit(&served_watched, false, memory_order_relaxed);
}
