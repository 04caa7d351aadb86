// SPDX-License-Identifier: Apache-2.0
/* Context that strangers send: traceparent, tracestate and baggage.
 *
 * The first byte chooses; the rest is the value, for the lists split into field lines at NUL. */
#include <stdlib.h>

#include "agent/propagation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES 8

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* What is accepted reads the same after it was written. */
static void traceparent(struct slice value)
{
    struct span_context first;
    struct span_context second;
    char text[PROPAGATION_TRACEPARENT_BYTES];
    if (!propagation_parse_traceparent(value, &first))
        return;
    demand(first.remote && span_context_present(&first));
    propagation_format_traceparent(&first, text);
    demand(propagation_parse_traceparent((struct slice){text, sizeof text}, &second));
    demand(memcmp(first.trace_id, second.trace_id, 16) == 0 &&
           memcmp(first.span_id, second.span_id, 8) == 0 && first.flags == second.flags);
}

static size_t split(struct slice text, struct slice lines[LINES])
{
    size_t count = 0;
    while (count < LINES) {
        size_t end = slice_find(text, 0);
        lines[count++] = (struct slice){text.at, end};
        if (end == text.length)
            break;
        text = slice_after(text, end + 1);
    }
    return count;
}

static void harmless(struct slice value)
{
    for (size_t i = 0; i < value.length; i++)
        demand((value.at[i] >= 0x20 && value.at[i] <= 0x7e) || value.at[i] == '\t');
}

static void lists(struct slice text, bool is_baggage, size_t capacity)
{
    struct slice lines[LINES];
    size_t count = split(text, lines);
    char *out = malloc(capacity); /* exact, so that a byte too far is seen */
    if (!out)
        return;
    struct slice found = is_baggage ? propagation_join_baggage(lines, count, out, capacity)
                                    : propagation_join_tracestate(lines, count, out, capacity);
    demand(found.length <= capacity);
    harmless(found);
    if (found.at && !is_baggage) {
        demand(found.length <= PROPAGATION_TRACESTATE_BYTES);
        demand(propagation_valid_tracestate(found));
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct slice rest = {(const char *)data + 2, size - 2};
    if (data[0] % 3 == 0)
        traceparent(rest);
    else
        lists(rest, data[0] % 3 == 2, 1 + (size_t)data[1] * 4);
    return 0;
}
