// SPDX-License-Identifier: Apache-2.0
#include "exporter/heir.h"

#include "agent/clock.h"
#include "agent/counters.h"

#define DOUBT_LASTS_NS 30000000000u
#define HEIRLOOMS      64 /* taken over in one look */

/* A process that ended a moment ago waited for the collector in vain. This one is not to be held
 * up, too, if it ends before the collector has answered. */
static void doubt_collector(struct outlet *outlet, const struct recovery *dead)
{
    uint64_t brief = clock_monotonic_ns() + HEIR_DOUBTFUL_NS;
    if (!dead->given_up_ns || clock_unix_ns() - dead->given_up_ns > DOUBT_LASTS_NS)
        return;
    atomic_store_explicit(&outlet->doubtful, true, memory_order_relaxed);
    if (atomic_load_explicit(&outlet->stop_ns, memory_order_relaxed) > brief)
        atomic_store_explicit(&outlet->stop_ns, brief, memory_order_relaxed);
}

/* Records that their writers, killed with the process, had not finished. */
static void count_broken(uint64_t broken)
{
    counters_add(&counters.spans_ended, broken);
    counters_add(&counters.spans_recovered, broken);
    counters_add(&counters.dropped_abandoned, broken);
}

void heir_inherit(struct outlet *outlet)
{
    struct recovery dead;
    for (int i = 0; i < HEIRLOOMS && !outlet_out_of_time(outlet) && recovery_begin(&dead); i++) {
        struct source source = {dead.ring, dead.resource, dead.unix_offset_ns, &dead};
        uint64_t abandoned = ring_abandoned(dead.ring);
        doubt_collector(outlet, &dead);
        bool all = outlet_send(outlet, &source);
        count_broken(ring_abandoned(dead.ring) - abandoned);
        recovery_end(&dead, all);
    }
}

void heir_ask(struct outlet *outlet)
{
    struct recovery dead;
    if (!recovery_begin(&dead))
        return;
    doubt_collector(outlet, &dead);
    recovery_end(&dead, false);
}
