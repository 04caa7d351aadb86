// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/breath.h"

#include <stdatomic.h>
#include <stddef.h>

#include "agent/base/clock.h"
#include "agent/base/futex.h"

static struct {
    bool (*hurries)(void); /* NULL: not at work */
    uint64_t since_ns;     /* when the slice began */
} breath;

void breath_begin(bool (*hurries)(void))
{
    breath.hurries = hurries;
    breath.since_ns = clock_monotonic_ns();
}

void breath_end(void)
{
    breath.hurries = NULL;
}

void breath_take(void)
{
    static _Atomic uint32_t never;
    if (!breath.hurries || clock_monotonic_ns() - breath.since_ns < BREATH_SLICE_NS)
        return;
    if (!breath.hurries())
        futex_wait(&never, BREATH_NS);
    breath.since_ns = clock_monotonic_ns();
}
