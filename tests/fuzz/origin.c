// SPDX-License-Identifier: Apache-2.0
/* Where a request says it comes from: whole heads with any number of traceparent, tracestate and
 * baggage lines, spelt and folded in any way, among other fields. What the exchange takes from
 * them is what the lines say that a reader of every field finds: one traceparent, or none; what
 * comes along only with it, and whole; and nothing that is passed on ends a line. However much of
 * all that there is, the span says its name, its status and who was asked.
 *
 * Input: items of one byte, three bits each for name, value and line end, and what the value needs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/describe/describe.h"
#include "agent/life/agent.h"
#include "agent/net/connection.h"
#include "agent/protocols/http1/http1_exchange.h"
#include "agent/span/propagation.h"
#include "agent/work/context.h"
#include "agent/work/exchange.h"
#include "agent/work/exchange_carried.h"
#include "agent/work/propagate.h"
#include "tests/fuzz/grammar.h"
#include "tests/fuzz/open_agent.h"

#define LINES_MOST 8 /* of one field that are joined */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* ---- heads ---- */

static char head[40000];
static size_t head_bytes;

static void add(const void *bytes, size_t length)
{
    if (length > sizeof head - 8 - head_bytes)
        return;
    memcpy(head + head_bytes, bytes, length);
    head_bytes += length;
}

static void add_text(const char *text)
{
    add(text, strlen(text));
}

/* Up to 65 members of one of four lengths, 125 bytes at most. */
static void add_list(unsigned kind)
{
    static const int widths[] = {1, 20, 60, 120};
    for (unsigned i = 0; i < kind % 66; i++) {
        char member[160];
        add(member, (size_t)snprintf(member, sizeof member, "%sk%u=%0*u", i ? "," : "", i,
                                     widths[kind / 66], i * i));
    }
}

static void add_value(unsigned kind, const uint8_t *data, size_t size)
{
    static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    char changed[sizeof parent];
    memcpy(changed, parent, sizeof parent);
    switch (kind) {
    case 0:
        add_text(parent);
        return;
    case 1: /* one byte is another */
        if (size >= 2)
            changed[data[0] % (sizeof parent - 1)] = (char)data[1];
        add_text(changed);
        return;
    case 2:
        add(parent, size ? data[0] % sizeof parent : 0);
        return;
    case 3:
        add_text(" \t a=1 ,, b=2\t");
        return;
    case 4:
        add_text("a=1\r\n\tb=2");
        return;
    case 5:
        add_list(size ? data[0] : 0);
        return;
    case 6:
        return;
    default:
        add(data, size);
    }
}

/* How many bytes of the input the value of that kind is made of. */
static size_t needs(unsigned kind, const uint8_t *data, size_t size)
{
    static const size_t fixed[] = {0, 2, 1, 0, 0, 1, 0};
    size_t wanted = kind < 7 ? fixed[kind] : size ? 1 + (size_t)data[0] % 64 : 0;
    return wanted < size ? wanted : size;
}

static void write_head(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"traceparent",  "tracestate", "baggage",
                                        "TraceParent",  "TRACESTATE", "traceparent ",
                                        "traceparents", "User-Agent"};
    static const char *const ends[] = {"\r\n", "\n", "\r\n", "\r\n"};
    head_bytes = 0;
    add_text("GET /a HTTP/1.1\r\nHost: a\r\n");
    while (size) {
        unsigned what = *data++;
        size--;
        add_text(names[what & 7]);
        add_text(what & 0x80 ? ":" : ": ");
        size_t length = needs(what >> 3 & 7, data, size);
        add_value(what >> 3 & 7, data, length);
        add_text(ends[what >> 6]);
        data += length;
        size -= length;
    }
    add_text("\r\n");
}

/* ---- what they say ---- */

struct lines {
    struct slice values[LINES_MOST];
    size_t count; /* also beyond */
};

static struct lines lines_of(const struct http1_request *request, const char *wanted)
{
    struct lines lines = {.count = 0};
    struct slice rest = request->fields.lines;
    struct slice name;
    struct slice value;
    while (http1_next_field(&rest, &name, &value))
        if (slice_equal_nocase(name, slice_of(wanted)) && lines.count++ < LINES_MOST)
            lines.values[lines.count - 1] = value;
    return lines;
}

static bool parent_of(const struct http1_request *request, struct span_context *parent)
{
    struct lines lines = lines_of(request, "traceparent");
    memset(parent, 0, sizeof *parent);
    return lines.count == 1 && propagation_parse_traceparent(lines.values[0], parent);
}

typedef struct slice join(const struct slice *lines, size_t count, char *out, size_t capacity);

static void check_carried(const struct lines *lines, bool at_all, join *join_lines,
                          const char *carried, size_t length, size_t capacity)
{
    static char expected[CARRIED_BAGGAGE_BYTES];
    struct slice joined = SLICE_NONE;
    if (at_all && lines->count && lines->count <= LINES_MOST)
        joined = join_lines(lines->values, lines->count, expected, capacity);
    demand(slice_equal((struct slice){carried, length}, (struct slice){expected, joined.length}));
}

static void check_line(void *lines, struct slice name, struct slice value)
{
    ++*(int *)lines;
    demand(name.length > 0 && value.length > 0);
    for (size_t i = 0; i < value.length; i++)
        demand((value.at[i] >= 0x20 && value.at[i] <= 0x7e) || value.at[i] == '\t');
}

static void check(const struct http1_request *request, const struct exchange *exchange)
{
    static char carried[CARRIED_BAGGAGE_BYTES];
    struct span_context parent;
    struct context context = {.exchange = 0};
    bool has_parent = parent_of(request, &parent);
    struct lines states = lines_of(request, "tracestate");
    struct lines baggage = lines_of(request, "baggage");

    demand(exchange_copy_context(exchange, &context));
    if (exchange->recording)
        demand(memcmp(exchange->span.record->parent_id, parent.span_id, 8) == 0);
    if (has_parent)
        demand(memcmp(context.span.trace_id, parent.trace_id, 16) == 0 &&
               (context.span.flags & TRACE_FLAG_SAMPLED) == (parent.flags & TRACE_FLAG_SAMPLED));
    demand(span_context_present(&context.span));
    demand(memcmp(context.span.span_id, parent.span_id, 8) != 0);

    size_t state_length = exchange_copy_tracestate(&context, carried);
    check_carried(&states, has_parent, propagation_join_tracestate, carried, state_length,
                  CARRIED_TRACESTATE_BYTES);
    demand(grammar_is_tracestate((struct slice){carried, state_length}));
    size_t length = exchange_copy_baggage(&context, carried);
    check_carried(&baggage, true, propagation_join_baggage, carried, length,
                  CARRIED_BAGGAGE_BYTES - state_length);
    struct grammar_list list = {.valid = true};
    grammar_add_baggage(&list, (struct slice){carried, length});
    demand(list.valid && list.bytes == length && length + state_length <= CARRIED_BAGGAGE_BYTES);

    int passed_on = 0;
    context_set(&context);
    char room[PROPAGATE_BYTES];
    propagate(&context.span, room, check_line, &passed_on);
    demand(passed_on >= 1 && passed_on <= 3);
    context_clear();
}

/* Whatever stood in the head, what a span is read for has found room. */
static void check_end(struct exchange *exchange)
{
    static _Alignas(8) unsigned char words[DESCRIBE_BYTES(EXCHANGE_RECORD_BYTES)];
    const struct span_record *record = exchange->span.record;
    bool recording = exchange->recording;
    int64_t status = 0;
    http1_head(exchange)->response = (struct http1_response){.status = 503};
    http1_exchange_answered(exchange);
    exchange_end(exchange, 10, 20);
    if (!recording) /* nobody else has taken the place */
        return;
    demand(record->length <= EXCHANGE_RECORD_BYTES);
    record = describe(record, words, sizeof words);
    demand(record->status == SPAN_STATUS_ERROR);
    demand(slice_equal(span_find_name(record), SLICE_LITERAL("GET /a")));
    demand(slice_equal(span_find_string(record, ATTRIBUTE_ERROR_TYPE), SLICE_LITERAL("503")));
    demand(slice_equal(span_find_string(record, ATTRIBUTE_SERVER_ADDRESS), SLICE_LITERAL("a")));
    demand(span_find_integer(record, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, &status) &&
           status == 503);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool opened;
    if (!opened)
        open_agent();
    opened = true;

    static const struct peer nobody;
    struct exchange *exchange = exchange_take();
    demand(exchange != NULL);
    write_head(data, size);
    char *exact = malloc(head_bytes); /* so that a byte too far is seen */
    demand(exact != NULL);
    memcpy(exact, head, head_bytes);
    if (http1_parse_request((struct slice){exact, head_bytes}, HTTP1_WANT_ALL,
                            &http1_head(exchange)->request) == PARSE_OK) {
        http1_exchange_begin(exchange, &nobody, 1);
        check(&http1_head(exchange)->request, exchange);
        check_end(exchange);
    } else {
        exchange_put_back(exchange);
    }
    free(exact);
    return 0;
}
