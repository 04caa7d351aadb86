// SPDX-License-Identifier: Apache-2.0
/* What a client asks and is answered reads the same in pieces of any size: the same spans come of
 * it, and all of them are accounted for.
 *
 * Input: steps, see tests/unit/protocols/http1_client/http1_dialogue.h. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/counters.h"
#include "agent/net/flow.h"
#include "agent/queue/queue.h"
#include "agent/work/evidence.h"
#include "agent/work/work.h"
#include "tests/fuzz/open_agent.h"
#include "tests/unit/protocols/http1_client/http1_dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MOST 4096

static struct guarded memory;
static struct http1_told whole;
static struct http1_told cut;

static uint64_t lines_of(const struct http1_told *told)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < told->length; i++)
        lines += told->at[i] == '\n';
    return lines;
}

/* False: something was not understood. That a head is malformed shows later where it comes in
 * pieces. */
static bool play(struct slice steps, size_t piece, struct http1_told *told)
{
    work_reset();
    evidence_reset();
    memset(&counters, 0, sizeof counters);
    http1_dialogue_play(steps, piece, &memory, told);
    uint64_t ended = counters_get(&counters.spans_ended);
    if (ended != lines_of(told) + counters_get(&counters.dropped_calls)) {
        (void)fprintf(stderr, "%llu spans ended, but:\n%s", (unsigned long long)ended, told->at);
        abort();
    }
    return counters_get(&counters.connections_opaque) == 0;
}

/* A long line tells by its method alone that it is a request's, where it comes in pieces. */
static bool has_long_line(struct slice steps)
{
    while (steps.length) {
        size_t length = slice_find(steps, '\n');
        if (length >= FLOW_DETECT_BYTES)
            return true;
        steps = slice_after(steps, length + (length < steps.length));
    }
    return false;
}

/* Does the other end speak while a request is on its way, or before it is known that this is HTTP?
 * Whether it has been asked is known by how much has gone. */
static bool crosses(struct slice steps)
{
    bool found = false;
    bool asked = false;
    while (steps.length > 1) {
        unsigned head = (unsigned char)steps.at[0];
        size_t length = 2 + ((head << 8 | (unsigned char)steps.at[1]) & HTTP1_STEP_MOST);
        struct slice step = {steps.at, length < steps.length ? length : steps.length};
        unsigned kind = head & HTTP1_STEP_KIND;
        asked |=
            kind == HTTP1_STEP_SENT && slice_find(slice_after(step, 2), '\n') < step.length - 2;
        found |= kind == HTTP1_STEP_CROSSED || (kind != HTTP1_STEP_SENT && !asked);
        steps = slice_after(steps, step.length);
    }
    return found;
}

/* What a store was asked in one write is one span, so there the pieces matter. */
static bool tells_of_store(const struct http1_told *told)
{
    char mark[16];
    (void)snprintf(mark, sizeof mark, " #%d ", ATTRIBUTE_DB_SYSTEM_NAME);
    return strstr(told->at, mark) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!memory.end) {
        memory = guarded_make(HTTP1_STEP_MOST);
        open_agent();
        if (!queue_make_region())
            abort();
    }
    if (size > INPUT_MOST)
        return 0;
    struct slice steps = {(const char *)data, size};
    bool understood = play(steps, HTTP1_STEP_MOST, &whole);
    understood &= play(steps, 1, &cut);
    bool of_store = tells_of_store(&whole) && tells_of_store(&cut);
    if (understood && !of_store && !has_long_line(steps) && !crosses(steps) &&
        strcmp(whole.at, cut.at) != 0) {
        (void)fprintf(stderr, "-- whole\n%s\n-- cut into bytes\n%s\n", whole.at, cut.at);
        abort();
    }
    return 0;
}
