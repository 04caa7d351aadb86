// SPDX-License-Identifier: Apache-2.0
#include "agent/work/with_sdk.h"

#include "agent/base/counters.h"
#include "agent/base/log.h"
#include "agent/base/preparation.h"
#include "agent/queue/queue.h"

_Atomic int with_sdk_sends;

static bool yields; /* written by with_sdk_prepare(); only read otherwise */

/* Each stands alone, and is for good: relaxed. */
static _Atomic bool passes_on;
static _Atomic bool left_out; /* something that would have had a span */
static _Atomic bool said;

void with_sdk_prepare(const struct config *config)
{
    yields = config->with_sdk == WITH_SDK_YIELD;
    atomic_store_explicit(&with_sdk_sends, TELEMETRY_NONE, memory_order_relaxed);
    atomic_store_explicit(&passes_on, false, memory_order_relaxed);
    atomic_store_explicit(&left_out, false, memory_order_relaxed);
}

/* Each of a proxy's requests may come here. */
static void note(_Atomic bool *fact)
{
    if (!atomic_load_explicit(fact, memory_order_relaxed))
        atomic_store_explicit(fact, true, memory_order_relaxed);
}

void with_sdk_telemetry_came(void)
{
    counters_add(&counters.left_out_telemetry, 1);
    note(&passes_on);
}

void with_sdk_serves_unseen(void)
{
    note(&passes_on);
}

void with_sdk_telemetry_goes(enum telemetry telemetry)
{
    if (!preparation_do())
        return;
    counters_add(&counters.left_out_telemetry, 1);
    int none = TELEMETRY_NONE;
    if (yields && telemetry_is_spans(telemetry) &&
        !atomic_load_explicit(&passes_on, memory_order_relaxed))
        atomic_compare_exchange_strong_explicit(&with_sdk_sends, &none, (int)telemetry,
                                                memory_order_relaxed, memory_order_relaxed);
}

/* Who sends nothing but its own spans has no thread of ours yet that could speak. */
void with_sdk_count(void)
{
    counters_add(&counters.left_out_with_sdk, 1);
    if (queue.has_exporters && !atomic_exchange_explicit(&left_out, true, memory_order_relaxed))
        queue_begin_exporting();
}

void with_sdk_say(void)
{
    static const char *const names[] = {
        [TELEMETRY_OTLP] = "OTLP",
        [TELEMETRY_ZIPKIN] = "Zipkin",
        [TELEMETRY_DATADOG] = "Datadog",
    };
    if (!atomic_load_explicit(&left_out, memory_order_relaxed) ||
        atomic_exchange_explicit(&said, true, memory_order_relaxed))
        return;
    log_once(LOG_WARN, NULL,
             "the program sends spans of its own (%s): from its first post of them on the agent "
             "keeps none of it, so that nothing is told twice; OTEL_AGENT_WITH_SDK=both keeps both",
             names[atomic_load_explicit(&with_sdk_sends, memory_order_relaxed)]);
}
