// SPDX-License-Identifier: Apache-2.0
#include "exporter/heir.h"

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/base/futex.h"

#define HEIRLOOMS      64          /* taken over in one look */
#define FIRST_NS       200000000u  /* before the first look */
#define INHERIT_NS     5000000000u /* between two, and before the first in doubt */
#define CALLED_NS      50000000u   /* between two, while others call */
#define CALLS_LISTENED 200         /* so often after the last one that has */
#define HELD_LOOKS     20          /* so often as if called, where somebody else had one */
#define HELD_NS        1000000u    /* between two tries at the end, */
#define HELD_TRIES     20          /* which are so many */

/* Records that their writers, killed with the process, had not finished. */
static void count_broken(uint64_t broken)
{
    counters_add(&counters.spans_ended, broken);
    counters_add(&counters.spans_recovered, broken);
    counters_add(&counters.dropped_abandoned, broken);
}

/* Most who have one only look what it is. */
static bool begin(struct outlet *outlet, struct recovery *dead)
{
    static _Atomic uint32_t never;
    bool begun = recovery_begin(dead);
    for (int i = 0; i < HELD_TRIES && !begun && recovery_is_held() && outlet_is_ending(outlet);
         i++) {
        futex_wait(&never, HELD_NS);
        begun = recovery_begin(dead);
    }
    return begun;
}

static bool inherit_one(struct outlet *outlet)
{
    struct recovery dead;
    if (outlet_out_of_time(outlet) || !begin(outlet, &dead))
        return false;
    struct source source = {dead.ring, dead.resource, dead.unix_offset_ns, &dead};
    uint64_t abandoned = ring_abandoned(dead.ring);
    bool all = outlet_send(outlet, &source);
    count_broken(ring_abandoned(dead.ring) - abandoned);
    recovery_end(&dead, all);
    return all;
}

bool heir_inherit(struct outlet *outlet)
{
    for (int i = 0; i < HEIRLOOMS; i++) {
        if (!inherit_one(outlet))
            return false;
        if (outlet_is_ending(outlet))
            return true;
    }
    return true;
}

struct heir heir_begin(struct outlet *outlet, bool (*called)(void), bool (*relieved)(void))
{
    return (struct heir){
        .outlet = outlet, .begun_ns = clock_monotonic_ns(), .called = called, .relieved = relieved};
}

/* Who is called often listens more closely. */
bool heir_is_called(struct heir *heir)
{
    bool called = heir->called && heir->called();
    heir->listens = called ? CALLS_LISTENED : heir->listens - (heir->listens > 0);
    heir->heard |= called;
    return called;
}

bool heir_is_busy(const struct heir *heir)
{
    return heir->more || heir->heard || heir->listens || !heir->looked_ns;
}

uint64_t heir_listen_ns(const struct heir *heir, uint64_t most_ns)
{
    return heir->listens && most_ns > CALLED_NS ? CALLED_NS : most_ns;
}

uint64_t heir_idle_ns(const struct heir *heir)
{
    if (heir->more)
        return 0;
    if (heir->heard)
        return CALLED_NS;
    return heir->looked_ns ? INHERIT_NS : FIRST_NS;
}

static bool has_passed(uint64_t since_ns, uint64_t ns)
{
    return clock_monotonic_ns() - since_ns >= ns;
}

static bool is_time(const struct heir *heir, bool due)
{
    if (heir->more || heir->heard)
        return true;
    if (heir->looked_ns)
        return has_passed(heir->looked_ns, INHERIT_NS);
    return due || has_passed(heir->begun_ns, FIRST_NS);
}

/* Many children that look at the same files keep each other, and the heir, from them. */
static bool is_relieved(const struct heir *heir)
{
    return heir->relieved && heir->relieved();
}

void heir_look(struct heir *heir, bool due)
{
    if (!is_time(heir, due))
        return;
    bool relieved = is_relieved(heir);
    /* A short process would wait for hardly a moment at its end. */
    if (!relieved && outlet_ask_doubt(heir->outlet) && !has_passed(heir->begun_ns, INHERIT_NS)) {
        heir->more = false;
        return;
    }
    heir->more = !relieved && heir_inherit(heir->outlet);
    heir->again = !relieved && recovery_is_held() ? heir->again + 1 : 0;
    heir->heard = heir->again && heir->again <= HELD_LOOKS;
    heir->looked_ns = clock_monotonic_ns();
}

bool heir_begin_end(struct heir *heir)
{
    const struct outlet *outlet = heir->outlet;
    bool looked =
        heir->looked_ns && !heir->heard && !heir->more && !heir->again && !heir_is_called(heir);
    if (looked || atomic_load_explicit(&outlet->doubtful, memory_order_relaxed) ||
        is_relieved(heir))
        return false;
    /* Own spans that nobody else would find come first. */
    return !outlet_outlives(outlet, NULL) || heir_inherit(heir->outlet);
}
