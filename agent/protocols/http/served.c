// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/served.h"

#include "agent/base/counters.h"
#include "agent/base/log.h"
#include "agent/queue/family.h"
#include "agent/text/ignore.h"

_Atomic bool served_watched = true;
static struct ignore ignored; /* written by served_prepare(); only read otherwise */

void served_prepare(const struct config *config)
{
    struct faults faults = ignore_init(&ignored, config);
    faults_say(&faults, "OTEL_AGENT_HTTP_IGNORE");
}

__attribute__((cold, noinline)) bool served_leaves_out(struct slice target)
{
    if (ignore_has(&ignored, target)) {
        counters_add(&counters.left_out_ignored, 1);
        return true;
    }
    family_say_serves();
    if (!ignored.count)
        atomic_store_explicit(&served_watched, false, memory_order_relaxed);
    return false;
}
