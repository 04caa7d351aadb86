// SPDX-License-Identifier: Apache-2.0
/* clock.h - the time of spans.
 *
 * Records carry CLOCK_MONOTONIC, one vDSO read an event, so that durations survive a step of the
 * wall clock. The exporter turns them into Unix time when it takes them out of the ring, with an
 * offset it measures then. */
#ifndef AGENT_CLOCK_H
#define AGENT_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* CLOCK_MONOTONIC in nanoseconds. Never fails on Linux. */
static inline uint64_t clock_monotonic_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

/* CLOCK_REALTIME in nanoseconds since 1970. */
static inline uint64_t clock_unix_ns(void)
{
    return clock_read_ns(CLOCK_REALTIME);
}

/* What to add to a monotonic time to get Unix time, in nanoseconds, as of now. */
int64_t clock_unix_offset_ns(void);

#endif
