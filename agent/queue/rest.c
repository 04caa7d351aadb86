// SPDX-License-Identifier: Apache-2.0
#include "agent/queue/rest.h"

#include <stdatomic.h>

#include "agent/base/futex.h"
#include "agent/queue/family.h"

_Static_assert(REST_NS <= REGION_ALIVE_NS, "a sign of life comes in time");

_Atomic uint32_t rest_state;

bool rest_is_possible(const struct region *region)
{
    return region->header && !region_has_something(region) && !family_waits_for_us();
}

bool rest_say(struct region *region)
{
    uint32_t exports = REST_AWAKE;
    if (!atomic_compare_exchange_strong(&rest_state, &exports, REST_RESTS))
        return false;
    atomic_store(&region->header->rests, 1);
    return true;
}

bool rest_is_said(const struct region *region)
{
    return atomic_load(&rest_state) == REST_RESTS && atomic_load(&region->header->rests) == 1;
}

void rest_end(struct region *region)
{
    uint32_t rests = REST_RESTS;
    atomic_compare_exchange_strong(&rest_state, &rests, REST_AWAKE);
    atomic_store(&region->header->rests, 0);
}

/* The count first: who rings after that has changed it, and nobody waits for what it was. */
void rest_sleep(const struct region *region, const _Atomic uint32_t *interrupted, uint64_t most_ns)
{
    _Atomic uint32_t *bell = family_bell(region->header->pid);
    uint32_t count = atomic_load(bell);
    if (atomic_load(interrupted) == 0 && rest_is_said(region) && rest_is_possible(region))
        futex_wait_shared(bell, count, most_ns);
}

void rest_wake(const struct region *region)
{
    const struct region_header *header = region->header;
    if (header)
        family_ring(header->pid);
}

void rest_rouse(const struct region *region)
{
    uint32_t rests = REST_RESTS;
    if (atomic_compare_exchange_strong(&rest_state, &rests, REST_AWAKE))
        rest_wake(region);
}
