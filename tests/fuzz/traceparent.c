// SPDX-License-Identifier: Apache-2.0
/* Context that strangers send: traceparent, tracestate and baggage. Of the lists exactly that is
 * carried which another reader of the grammar lets through.
 *
 * The first byte chooses; the rest is the value, for the lists split into field lines at NUL. */
#include <stdlib.h>

#include "agent/span/propagation.h"
#include "tests/fuzz/grammar.h"

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

static bool is_baggage(struct slice text, size_t bytes)
{
    struct grammar_list list = {.valid = true};
    grammar_add_baggage(&list, text);
    /* No byte but the members': no empty ones, and no white space around them. */
    return list.valid && list.members <= PROPAGATION_BAGGAGE_LIST && list.bytes == text.length &&
           text.length == bytes;
}

/* What is carried is all of what came, and what is not was not to be carried. */
static void baggage(const struct slice *lines, size_t count, char *out, size_t capacity)
{
    struct grammar_list all = {.valid = true};
    for (size_t i = 0; i < count; i++)
        grammar_add_baggage(&all, lines[i]);
    bool wanted = all.valid && all.members > 0 && all.members <= PROPAGATION_BAGGAGE_LIST &&
                  all.bytes <= capacity;
    struct slice found = propagation_join_baggage(lines, count, out, capacity);
    demand(wanted == (found.at != NULL));
    demand(!found.at || is_baggage(found, all.bytes));
}

static void tracestate(const struct slice *lines, size_t count, char *out, size_t capacity)
{
    struct slice found = propagation_join_tracestate(lines, count, out, capacity);
    demand(found.length <= capacity && !found.at == !found.length);
    demand(!found.at || (grammar_is_tracestate(found) && propagation_is_tracestate(found)));
    for (size_t i = 0; i < count; i++) /* the limit of a whole list only adds to it */
        demand(lines[i].length > PROPAGATION_TRACESTATE_BYTES ||
               propagation_is_tracestate(lines[i]) == grammar_is_tracestate(lines[i]));
}

static void lists(struct slice text, bool is_tracestate, size_t capacity)
{
    struct slice lines[LINES];
    size_t count = split(text, lines);
    char *out = malloc(capacity); /* exact, so that a byte too far is seen */
    if (!out)
        return;
    if (is_tracestate)
        tracestate(lines, count, out, capacity);
    else
        baggage(lines, count, out, capacity);
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
        lists(rest, data[0] % 3 == 1, 1 + (size_t)data[1] * 17); /* 4,336 at most */
    return 0;
}
