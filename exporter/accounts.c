// SPDX-License-Identifier: Apache-2.0
#include "exporter/accounts.h"

#include "agent/base/counters.h"
#include "agent/base/log.h"

static unsigned long long count(_Atomic uint64_t *counter)
{
    return (unsigned long long)counters_get(counter);
}

/* The other lines only where there is something to say: most processes have nothing. */
void accounts_say(void)
{
    log_write(LOG_INFO,
              "spans ended %llu, exported %llu; dropped: queue full %llu, export failed %llu, "
              "refused %llu, abandoned %llu, no memory %llu; left for the next process %llu",
              count(&counters.spans_ended), count(&counters.spans_exported),
              count(&counters.dropped_queue_full), count(&counters.dropped_export),
              count(&counters.dropped_partial), count(&counters.dropped_abandoned),
              count(&counters.dropped_calls), count(&counters.spans_left));
    if (count(&counters.dropped_exchanges) || count(&counters.connections_opaque) ||
        count(&counters.heads_too_long) || count(&counters.heads_no_room) ||
        count(&counters.spans_incomplete) || count(&counters.injections_left_out))
        log_write(
            LOG_INFO,
            "not traced: requests over the limit %llu, connections that are not HTTP/1 or were "
            "lost from view %llu, heads too long %llu, heads in pieces without room %llu; "
            "incomplete: spans of requests lost from "
            "view %llu; without traceparent: calls with too many headers %llu",
            count(&counters.dropped_exchanges), count(&counters.connections_opaque),
            count(&counters.heads_too_long), count(&counters.heads_no_room),
            count(&counters.spans_incomplete), count(&counters.injections_left_out));
    if (count(&counters.left_out_outside) || count(&counters.left_out_session) ||
        count(&counters.left_out_ignored))
        log_write(LOG_INFO,
                  "left out, as configured: calls outside requests %llu "
                  "(OTEL_AGENT_ROOT_CLIENT_SPANS), database calls that are no statements %llu "
                  "(OTEL_AGENT_DB_SPANS), requests %llu (OTEL_AGENT_HTTP_IGNORE)",
                  count(&counters.left_out_outside), count(&counters.left_out_session),
                  count(&counters.left_out_ignored));
    if (count(&counters.left_out_telemetry) || count(&counters.left_out_with_sdk))
        log_write(LOG_INFO,
                  "left out, too: posts of telemetry %llu, requests and calls beside the program's "
                  "own spans %llu (OTEL_AGENT_WITH_SDK)",
                  count(&counters.left_out_telemetry), count(&counters.left_out_with_sdk));
    if (count(&counters.routes_folded) || count(&counters.routes_full))
        log_write(LOG_INFO,
                  "routes: places folded %llu, requests without one for want of room %llu",
                  count(&counters.routes_folded), count(&counters.routes_full));
}

uint64_t accounts_unsettled(void)
{
    uint64_t ended = counters_get(&counters.spans_ended);
    uint64_t gone =
        counters_get(&counters.spans_exported) + counters_get(&counters.dropped_queue_full) +
        counters_get(&counters.dropped_export) + counters_get(&counters.dropped_partial) +
        counters_get(&counters.dropped_abandoned) + counters_get(&counters.dropped_calls) +
        counters_get(&counters.spans_left);
    return ended > gone ? ended - gone : 0;
}

uint64_t accounts_take_over(uint64_t pending)
{
    uint64_t own = accounts_unsettled();
    uint64_t childrens = pending > own ? pending - own : 0;
    counters_add(&counters.spans_ended, childrens);
    counters_add(&counters.spans_recovered, childrens);
    return own + childrens;
}
