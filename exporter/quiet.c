// SPDX-License-Identifier: Apache-2.0
#include "exporter/quiet.h"

#include "agent/base/clock.h"
#include "agent/base/process.h"
#include "agent/queue/queue.h"
#include "agent/queue/rest.h"

#define DELAYS 3 /* the console shows what it has held back after two */

struct quiet quiet_begin(uint64_t schedule_delay_ns)
{
    uint64_t delays_ns = schedule_delay_ns * DELAYS;
    return (struct quiet){.busy_ns = clock_monotonic_ns(),
                          .least_ns = delays_ns > QUIET_NS ? delays_ns : QUIET_NS};
}

/* Something has come, or the rest was ended by who brought it. */
static bool begin_again(struct quiet *quiet, uint64_t now_ns)
{
    if (quiet->said_ns)
        rest_end(&queue.region);
    quiet->said_ns = 0;
    quiet->busy_ns = now_ns;
    return false;
}

bool quiet_may_rest(struct quiet *quiet, const struct ring *ring, bool busy)
{
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t before = quiet->written;
    quiet->written = ring_written(ring);
    if (busy || quiet->written != before || ring_is_stalled(ring))
        return begin_again(quiet, now_ns);
    if (now_ns - quiet->busy_ns < quiet->least_ns)
        return false;
    if (!rest_is_possible(&queue.region) || (quiet->said_ns && !rest_is_said(&queue.region)) ||
        process_is_without_first())
        return begin_again(quiet, now_ns);
    if (quiet->said_ns)
        return now_ns - quiet->said_ns >= REST_SAID_NS;
    quiet->said_ns = rest_say(&queue.region) ? now_ns : 0;
    return false;
}
