// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/propagation.h"
#include "tests/unit/guarded.h"
#include "tests/unit/vectors.h"

static void check_traceparent(const struct vectors_case *one, void *context)
{
    struct span_context read = {.flags = 0x55};
    char text[PROPAGATION_TRACEPARENT_BYTES];
    struct slice found = SLICE_NONE;
    if (propagation_parse_traceparent(guarded_copy(context, one->fields[0]), &read)) {
        assert_true(read.remote);
        propagation_format_traceparent(&read, text);
        found = (struct slice){text, sizeof text};
    } else {
        assert_int_equal(read.flags, 0x55);
    }
    assert_true(vectors_same(one, "traceparent", found, one->fields[1]));
}

static void a_traceparent_is_well_formed_or_absent(void **state)
{
    (void)state;
    struct guarded guarded = guarded_make(4096);
    assert_true(vectors_each("propagation/traceparent.tsv", check_traceparent, &guarded) > 30);
}

static void ids_keep_their_bytes(void **state)
{
    (void)state;
    struct span_context read;
    assert_true(propagation_parse_traceparent(
        SLICE_LITERAL("00-0123456789abcdef00112233445566ff-fedcba9876543210-03"), &read));
    const uint8_t trace_id[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                  0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xff};
    const uint8_t span_id[8] = {0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};
    assert_memory_equal(read.trace_id, trace_id, 16);
    assert_memory_equal(read.span_id, span_id, 8);
    assert_int_equal(read.flags, TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
}

static void check_tracestate(const struct vectors_case *one, void *context)
{
    char out[PROPAGATION_TRACESTATE_BYTES];
    struct slice lines[VECTORS_FIELDS];
    size_t count = one->count - 1;
    memcpy(lines, one->fields + 1, sizeof lines - sizeof *lines);
    if (count) /* the last line ends at the page */
        lines[count - 1] =
            lines[count - 1].at ? guarded_copy(context, lines[count - 1]) : SLICE_NONE;
    struct slice found = propagation_join_tracestate(lines, count, out, sizeof out);
    assert_true(vectors_same(one, "tracestate", found, one->fields[0]));
    if (found.at)
        assert_true(propagation_valid_tracestate(found));
}

static void tracestate_lines_are_joined_or_dropped(void **state)
{
    (void)state;
    struct guarded guarded = guarded_make(4096);
    assert_true(vectors_each("propagation/tracestate.tsv", check_tracestate, &guarded) > 30);
}

/* `count` members of `length` bytes each, `letter`=xxx. */
static struct slice members(char *out, int count, size_t length)
{
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        if (i)
            out[used++] = ',';
        memset(out + used, 'x', length);
        out[used] = (char)('a' + i);
        out[used + 1] = '=';
        used += length;
    }
    return (struct slice){out, used};
}

static void five_hundred_and_twelve_characters_stay_and_more_lose_the_end(void **state)
{
    (void)state;
    char text[1024];
    char out[2048];
    struct slice line = members(text, 19, 26); /* 19 * 26 + 18 = 512 */
    assert_int_equal(line.length, 512);
    assert_true(slice_equal(propagation_join_tracestate(&line, 1, out, sizeof out), line));

    /* The comma between two lines counts, too. */
    const struct slice lines[] = {{text, 256}, {text + 256, 256}};
    memset(text, 'x', 512);
    text[1] = text[257] = '=';
    assert_int_equal(propagation_join_tracestate(lines, 2, out, sizeof out).length, 256);

    line = members(text, 20, 26);
    struct slice found = propagation_join_tracestate(&line, 1, out, sizeof out);
    assert_int_equal(found.length, 512);
    assert_memory_equal(found.at, line.at, 512);

    found = propagation_join_tracestate(&line, 1, out, 60); /* a caller with less room */
    assert_int_equal(found.length, 53);
    assert_memory_equal(found.at, line.at, 53);
    assert_null(propagation_join_tracestate(&line, 1, out, 10).at);
}

static void members_over_128_characters_go_first(void **state)
{
    (void)state;
    char text[1024];
    char out[512];
    size_t used = members(text, 10, 40).length; /* a= to j=, 409 bytes */
    text[used++] = ',';
    struct slice large = members(text + used, 1, 129);
    text[used] = 'k';
    used += large.length;
    memcpy(text + used, ",l=1", 4);
    used += 4;
    struct slice line = {text, used};
    struct slice found = propagation_join_tracestate(&line, 1, out, sizeof out);
    assert_int_equal(found.length, 409 + 4);
    assert_true(slice_ends(found, SLICE_LITERAL(",l=1")));
}

static void baggage_lines_are_joined(void **state)
{
    (void)state;
    char out[PROPAGATION_BAGGAGE_BYTES];
    const struct slice lines[] = {SLICE_LITERAL("a=1;p, b=%20"), SLICE_NONE, SLICE_LITERAL(""),
                                  SLICE_LITERAL("c=\t3")};
    struct slice found = propagation_join_baggage(lines, 4, out, sizeof out);
    assert_true(slice_equal(found, SLICE_LITERAL("a=1;p, b=%20,c=\t3")));
    assert_null(propagation_join_baggage(lines + 1, 2, out, sizeof out).at);
    assert_null(propagation_join_baggage(NULL, 0, out, sizeof out).at);
}

static void baggage_that_could_end_a_line_is_dropped(void **state)
{
    (void)state;
    char out[PROPAGATION_BAGGAGE_BYTES];
    const struct slice bad[] = {SLICE_LITERAL("a=1\r\nX: y"), SLICE_LITERAL("a=1\n"),
                                SLICE_LITERAL("a=\0"),        SLICE_LITERAL("a=\x7f"),
                                SLICE_LITERAL("a=\xc3\xa9"),  SLICE_LITERAL("\r")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(propagation_join_baggage(&bad[i], 1, out, sizeof out).at);
}

static void baggage_is_carried_whole_or_not_at_all(void **state)
{
    (void)state;
    static char text[PROPAGATION_BAGGAGE_BYTES + 1];
    static char out[PROPAGATION_BAGGAGE_BYTES + 1];
    memset(text, 'x', sizeof text);
    struct slice line = {text, PROPAGATION_BAGGAGE_BYTES};
    assert_int_equal(propagation_join_baggage(&line, 1, out, sizeof out).length, line.length);
    assert_null(propagation_join_baggage(&line, 1, out, line.length - 1).at);
    line.length++;
    assert_null(propagation_join_baggage(&line, 1, out, sizeof out).at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_traceparent_is_well_formed_or_absent),
        cmocka_unit_test(ids_keep_their_bytes),
        cmocka_unit_test(tracestate_lines_are_joined_or_dropped),
        cmocka_unit_test(five_hundred_and_twelve_characters_stay_and_more_lose_the_end),
        cmocka_unit_test(members_over_128_characters_go_first),
        cmocka_unit_test(baggage_lines_are_joined),
        cmocka_unit_test(baggage_that_could_end_a_line_is_dropped),
        cmocka_unit_test(baggage_is_carried_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
