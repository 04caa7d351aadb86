// SPDX-License-Identifier: Apache-2.0
/* Exchanges of a protocol that is none of ours: its requests are what a carrier holds, its spans
 * say what its own kind says. */
#include "agent/work/exchange_carried.h"
#include "tests/unit/seam.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* What such a request says of where it comes from. */
struct parameters {
    struct slice values[CARRIER_FIELDS];
    const char *second_baggage;
};

static size_t lines_of(const struct slice *values, enum carrier_field field, struct slice *lines,
                       size_t most)
{
    const struct parameters *parameters = (const void *)values;
    lines[0] = values[field];
    if (field != CARRIER_BAGGAGE || !parameters->second_baggage || most < 2)
        return 1;
    lines[1] = slice_of(parameters->second_baggage);
    return 2;
}

static struct slice finish(struct exchange *exchange, uint64_t response_body_bytes,
                           struct slice error_type)
{
    char *scratch = exchange_scratch(exchange);
    snprintf(scratch, 64, "ASK %s", (const char *)exchange_head(exchange));
    span_name(&exchange->span, slice_of(scratch));
    if (response_body_bytes != EXCHANGE_UNSEEN)
        span_integer(&exchange->span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE,
                     (int64_t)response_body_bytes);
    if (error_type.at || exchange->status < 7)
        return error_type;
    snprintf(scratch, 64, "E%u", exchange->status);
    return slice_of(scratch);
}

static const struct exchange_kind kind = {SPAN_SCOPE_MYSQL, SPAN_KIND_SERVER, finish};

static struct exchange *ask(const struct parameters *parameters, bool left_out)
{
    struct carrier carrier = {parameters->values, lines_of, 0};
    struct exchange *exchange = exchange_take();
    assert_non_null(exchange);
    strcpy(exchange_head(exchange), "something");
    bool recorded = exchange_begin(exchange, &kind, &carrier, left_out, 10);
    assert_int_equal(recorded, !left_out);
    if (recorded)
        exchange_told(exchange);
    reading_begin(&exchange->reading, true);
    return exchange;
}

static const struct parameters nowhere;

static void a_span_says_what_its_kind_says(void **state)
{
    (void)state;
    struct exchange *exchange = ask(&nowhere, false);
    exchange_answered(exchange, 3);
    exchange_end(exchange, 42, 20);
    const struct span_record *span = next_span();
    assert_non_null(span);
    assert_text(span_find_name(span), "ASK something");
    assert_int_equal(span->scope, SPAN_SCOPE_MYSQL);
    assert_int_equal(span->kind, SPAN_KIND_SERVER);
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), 42);
    assert_int_equal(span->status, SPAN_STATUS_UNSET);
    assert_int_equal(span->start_ns, 10);
    assert_int_equal(span->end_ns, 20);
    assert_null(next_span());
}

static void an_error_is_what_the_protocol_calls_one(void **state)
{
    (void)state;
    struct exchange *exchange = ask(&nowhere, false);
    exchange_answered(exchange, 7);
    exchange_end(exchange, 0, 20);
    const struct span_record *span = next_span();
    assert_text(span_find_string(span, ATTRIBUTE_ERROR_TYPE), "E7");
    assert_int_equal(span->status, SPAN_STATUS_ERROR);

    exchange = ask(&nowhere, false);
    exchange_over(exchange, EXCHANGE_ABORTED, 0, 20);
    assert_text(span_find_string(next_span(), ATTRIBUTE_ERROR_TYPE), "connection_aborted");
}

static void one_that_was_lost_from_sight_says_so(void **state)
{
    (void)state;
    exchange_over(ask(&nowhere, false), EXCHANGE_LOST, 0, 20);
    const struct span_record *span = next_span();
    assert_text(span_find_name(span), "ASK something");
    assert_int_equal(integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE), -1);
    assert_int_equal(span->status, SPAN_STATUS_UNSET);
    assert_int_equal(counters.spans_incomplete, 1);
}

static void what_is_left_out_has_no_span_and_neither_have_its_calls(void **state)
{
    (void)state;
    struct context context;
    struct exchange *exchange = ask(&nowhere, true);
    assert_true(exchange_copy_context(exchange, &context));
    assert_true(context.span.flags & TRACE_FLAG_LEFT_OUT);
    exchange_answered(exchange, 7);
    exchange_end(exchange, 0, 20);
    assert_null(next_span());
}

static void any_carrier_says_where_a_request_comes_from(void **state)
{
    (void)state;
    static const struct parameters from = {
        .values = {[CARRIER_TRACEPARENT] = {PARENT, sizeof PARENT - 1},
                   [CARRIER_TRACESTATE] = {"a=1", 3},
                   [CARRIER_BAGGAGE] = {"b=2", 3}},
        .second_baggage = "c=3",
    };
    char carried[CARRIED_BAGGAGE_BYTES];
    struct context context;
    struct exchange *exchange = ask(&from, false);
    assert_true(exchange_copy_context(exchange, &context));
    assert_int_equal(context.span.trace_id[0], 0x0a);
    assert_int_equal(exchange_copy_tracestate(&context, carried), 3);
    assert_memory_equal(carried, "a=1", 3);
    assert_int_equal(exchange_copy_baggage(&context, carried), 7);
    assert_memory_equal(carried, "b=2,c=3", 7);
    exchange_end(exchange, 0, 20);
    assert_int_equal(next_span()->parent_id[0], 0xb7);
    assert_int_equal(exchange_copy_baggage(&context, carried), 0);
    assert_false(exchange_copy_context(exchange, &context));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_span_says_what_its_kind_says),
        TEST(an_error_is_what_the_protocol_calls_one),
        TEST(one_that_was_lost_from_sight_says_so),
        TEST(what_is_left_out_has_no_span_and_neither_have_its_calls),
        TEST(any_carrier_says_where_a_request_comes_from),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
