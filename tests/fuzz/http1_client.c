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

static void play(struct slice steps, size_t piece, struct http1_told *told)
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
}

/* A line that is long tells by its method alone that it is a request's, where it comes in pieces.
 */
static bool begins_short(struct slice steps)
{
    return slice_find(steps, '\n') < FLOW_DETECT_BYTES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!memory.end) {
        memory = guarded_make(HTTP1_STEP_MOST);
        open_agent();
    }
    if (size > INPUT_MOST)
        return 0;
    struct slice steps = {(const char *)data, size};
    play(steps, HTTP1_STEP_MOST, &whole);
    play(steps, 1, &cut);
    if (begins_short(steps) && strcmp(whole.at, cut.at) != 0) {
        (void)fprintf(stderr, "-- whole\n%s\n-- cut into bytes\n%s\n", whole.at, cut.at);
        abort();
    }
    return 0;
}
