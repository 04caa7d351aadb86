// SPDX-License-Identifier: Apache-2.0
#include "agent/clock.h"

#include <time.h>

static uint64_t clock_read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_unix_ns(void)
{
    return clock_read_ns(CLOCK_REALTIME);
}

int64_t clock_unix_offset_ns(void)
{
    /* The wall clock between two reads of the monotonic one: the middle is off by at most half
     * of what the reads took, tens of nanoseconds. */
    uint64_t before = clock_monotonic_ns();
    uint64_t unix_ns = clock_unix_ns();
    uint64_t after = clock_monotonic_ns();
    return (int64_t)(unix_ns - (before + (after - before) / 2));
}
