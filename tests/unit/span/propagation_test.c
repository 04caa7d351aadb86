// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/span/propagation.h"
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

/* The field lines of a case; the last one ends at the page. */
static size_t lines_of(const struct vectors_case *one, const struct guarded *guarded,
                       struct slice lines[VECTORS_FIELDS])
{
    size_t count = one->count - 1;
    memcpy(lines, one->fields + 1, count * sizeof *lines);
    if (count && lines[count - 1].at)
        lines[count - 1] = guarded_copy(guarded, lines[count - 1]);
    return count;
}

static void check_tracestate(const struct vectors_case *one, void *context)
{
    char out[PROPAGATION_TRACESTATE_BYTES];
    struct slice lines[VECTORS_FIELDS];
    size_t count = lines_of(one, context, lines);
    struct slice found = propagation_join_tracestate(lines, count, out, sizeof out);
    assert_true(vectors_same(one, "tracestate", found, one->fields[0]));
    if (found.at)
        assert_true(propagation_is_tracestate(found));
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

static void check_baggage(const struct vectors_case *one, void *context)
{
    char out[512];
    struct slice lines[VECTORS_FIELDS];
    size_t count = lines_of(one, context, lines);
    struct slice found = propagation_join_baggage(lines, count, out, sizeof out);
    assert_true(vectors_same(one, "baggage", found, one->fields[0]));
    if (!found.at)
        return;
    char again[sizeof out]; /* what went out is carried as it is */
    struct slice line = guarded_copy(context, found);
    assert_true(slice_equal(propagation_join_baggage(&line, 1, again, sizeof again), found));
}

static void baggage_lines_are_joined_or_dropped(void **state)
{
    (void)state;
    struct guarded guarded = guarded_make(4096);
    assert_true(vectors_each("propagation/baggage.tsv", check_baggage, &guarded) > 70);
}

/* Each byte in the middle of a template's place, `?`. */
static void check_bytes(const char *template, const char *allowed)
{
    struct guarded guarded = guarded_make(64);
    for (int byte = 0; byte < 256; byte++) {
        char out[64];
        struct slice line = guarded_copy(&guarded, slice_of(template));
        *(char *)memchr(line.at, '?', line.length) = (char)byte;
        bool found = propagation_join_baggage(&line, 1, out, sizeof out).at != NULL;
        assert_int_equal(found, byte && strchr(allowed, byte));
    }
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define TCHARS  "!#$%&'*+-.^_`|~" LETTERS

static void each_byte_of_baggage_stands_where_the_grammar_has_it(void **state)
{
    (void)state;
    /* After a key's first letter the rest is its value, after a value's its properties. */
    check_bytes("a?b=1", TCHARS "=");
    check_bytes("a=1?2", "!#$&'()*+-./:<=>?@[]^_`{|}~" LETTERS ";");
    check_bytes("a=1;b?c", TCHARS "=;");
    check_bytes("a=1;b=2?3", "!#$&'()*+-./:<=>?@[]^_`{|}~" LETTERS ";");
    check_bytes("a=1?b=2", "!#$&'()*+-./:<=>?@[]^_`{|}~" LETTERS ";,");
    check_bytes("a=1?;b", "!#$&'()*+-./:<=>?@[]^_`{|}~" LETTERS " \t");
    check_bytes("a=%?5", "0123456789abcdefABCDEF");
    check_bytes("a=%5?", "0123456789abcdefABCDEF");
}

static void sixty_four_members_are_carried_and_more_are_none(void **state)
{
    (void)state;
    char text[2 * 4 * 65];
    char out[sizeof text];
    for (size_t i = 0; i < 65; i++) /* one in two members is empty, and does not count */
        memcpy(text + i * 5, "a=1,,", 5);
    struct slice line = {text, 5 * 64};
    assert_int_equal(propagation_join_baggage(&line, 1, out, sizeof out).length, 4 * 64 - 1);
    line.length += 3;
    assert_null(propagation_join_baggage(&line, 1, out, sizeof out).at);
    const struct slice lines[] = {
        {text, 5 * 32}, {text, 5 * 32}, SLICE_LITERAL(","), SLICE_LITERAL("a=1;p")};
    assert_int_equal(propagation_join_baggage(lines, 3, out, sizeof out).length, 4 * 64 - 1);
    assert_null(propagation_join_baggage(lines, 4, out, sizeof out).at);
}

static void baggage_is_carried_whole_or_not_at_all(void **state)
{
    (void)state;
    struct guarded source = guarded_make(4096);
    struct guarded target = guarded_make(4096);
    char text[2048];
    memset(text, 'x', sizeof text);
    text[1] = '=';
    const struct slice lines[] = {guarded_copy(&source, (struct slice){text, 2047}), {text, 2048}};
    for (size_t room = 0; room <= target.capacity; room++) {
        char *out = target.end - room; /* a byte too far dies */
        struct slice found = propagation_join_baggage(lines, 2, out, room);
        assert_int_equal(found.length, room >= 4096 ? 4096 : 0);
        found = propagation_join_baggage(lines, 1, out, room);
        assert_int_equal(found.length, room >= 2047 ? 2047 : 0);
    }
    const struct slice spaced[] = {SLICE_LITERAL("  a=1  ,, "), SLICE_LITERAL("\tb=2\t")};
    char out[7]; /* as it goes out, not as it came */
    assert_int_equal(propagation_join_baggage(spaced, 2, out, 7).length, 7);
    assert_null(propagation_join_baggage(spaced, 2, out, 6).at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_traceparent_is_well_formed_or_absent),
        cmocka_unit_test(ids_keep_their_bytes),
        cmocka_unit_test(tracestate_lines_are_joined_or_dropped),
        cmocka_unit_test(five_hundred_and_twelve_characters_stay_and_more_lose_the_end),
        cmocka_unit_test(members_over_128_characters_go_first),
        cmocka_unit_test(baggage_lines_are_joined_or_dropped),
        cmocka_unit_test(each_byte_of_baggage_stands_where_the_grammar_has_it),
        cmocka_unit_test(sixty_four_members_are_carried_and_more_are_none),
        cmocka_unit_test(baggage_is_carried_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
