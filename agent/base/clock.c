// SPDX-License-Identifier: Apache-2.0
#include "agent/base/clock.h"

/* Three reads take 60 ns. A thread that has to wait for its turn between them would put a batch of
 * spans off by milliseconds. */
#define OFFSET_TOOK_NS 2000
#define OFFSET_TRIES   5

/* The wall clock between two reads of the monotonic one: the middle is off by at most half of what
 * the reads took. */
static uint64_t measure_offset(int64_t *offset_ns)
{
    uint64_t before = clock_monotonic_ns();
    uint64_t unix_ns = clock_unix_ns();
    uint64_t after = clock_monotonic_ns();
    *offset_ns = (int64_t)(unix_ns - (before + (after - before) / 2));
    return after - before;
}

int64_t clock_unix_offset_ns(void)
{
    int64_t best_ns;
    uint64_t took_ns = measure_offset(&best_ns);
    for (int tries = 1; took_ns > OFFSET_TOOK_NS && tries < OFFSET_TRIES; tries++) {
        int64_t offset_ns;
        uint64_t again_ns = measure_offset(&offset_ns);
        if (again_ns < took_ns) {
            took_ns = again_ns;
            best_ns = offset_ns;
        }
    }
    return best_ns;
}
