// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/span/sampler.h"

static struct sampler made(enum config_sampler kind, double ratio)
{
    struct config config = {.sampler = kind, .sampler_ratio = ratio};
    struct sampler sampler;
    sampler_init(&sampler, &config);
    return sampler;
}

/* The trace id of the n-th of many random traces (a multiplicative sequence). */
static void trace_id_of(uint64_t n, uint8_t id[16])
{
    uint64_t bits = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    bits ^= bits >> 29;
    bits *= UINT64_C(0xbf58476d1ce4e5b9);
    bits ^= bits >> 32;
    for (size_t i = 0; i < 8; i++) {
        id[i] = 0xff;
        id[8 + i] = (uint8_t)(bits >> (56 - 8 * i));
    }
}

static bool sampled(const struct sampler *sampler, const uint8_t id[16],
                    const struct span_context *parent)
{
    return sampler_decide(sampler, id, parent) & TRACE_FLAG_SAMPLED;
}

static void the_two_simple_ones_need_no_id(void **state)
{
    (void)state;
    const uint8_t lowest[16] = {1};
    uint8_t highest[16];
    memset(highest, 0xff, sizeof highest);
    struct sampler on = made(SAMPLER_ALWAYS_ON, 0);
    struct sampler off = made(SAMPLER_ALWAYS_OFF, 1);
    assert_true(sampled(&on, lowest, NULL));
    assert_true(sampled(&on, highest, NULL));
    assert_false(sampled(&off, lowest, NULL));
    assert_false(sampled(&off, highest, NULL));
}

static void the_ends_of_the_ratio_mean_all_and_none(void **state)
{
    (void)state;
    const uint8_t lowest[16] = {1};
    uint8_t highest[16];
    memset(highest, 0xff, sizeof highest);
    const double none[] = {0, -1, NAN, 1e-30};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct sampler sampler = made(SAMPLER_TRACEIDRATIO, none[i]);
        assert_false(sampled(&sampler, highest, NULL));
    }
    const double all[] = {1, 2, INFINITY};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct sampler sampler = made(SAMPLER_TRACEIDRATIO, all[i]);
        assert_true(sampled(&sampler, lowest, NULL));
    }
}

static void only_the_right_most_seven_bytes_decide(void **state)
{
    (void)state;
    struct sampler half = made(SAMPLER_TRACEIDRATIO, 0.5);
    uint8_t id[16] = {0};
    id[9] = 0x80;
    assert_true(sampled(&half, id, NULL));
    id[9] = 0x7f;
    memset(id, 0xff, 9);
    memset(id + 10, 0xff, 6);
    assert_false(sampled(&half, id, NULL));
}

static void the_share_kept_is_the_ratio(void **state)
{
    (void)state;
    const double ratios[] = {0.001, 0.01, 0.1, 0.5, 0.9};
    for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
        struct sampler sampler = made(SAMPLER_TRACEIDRATIO, ratios[i]);
        int kept = 0;
        for (uint64_t n = 0; n < 200000; n++) {
            uint8_t id[16];
            trace_id_of(n, id);
            kept += sampled(&sampler, id, NULL);
        }
        double deviation = sqrt(200000 * ratios[i] * (1 - ratios[i]));
        assert_true(fabs(kept - 200000 * ratios[i]) < 5 * deviation);
    }
}

static void a_smaller_ratio_keeps_a_subset(void **state)
{
    (void)state;
    struct sampler small = made(SAMPLER_TRACEIDRATIO, 0.1);
    struct sampler large = made(SAMPLER_PARENTBASED_TRACEIDRATIO, 0.3);
    for (uint64_t n = 0; n < 20000; n++) {
        uint8_t id[16];
        trace_id_of(n, id);
        if (sampled(&small, id, NULL))
            assert_true(sampled(&large, id, NULL));
    }
}

static void parent_based_follows_the_parent_whatever_the_root_rule(void **state)
{
    (void)state;
    const enum config_sampler kinds[] = {SAMPLER_PARENTBASED_ALWAYS_ON,
                                         SAMPLER_PARENTBASED_ALWAYS_OFF,
                                         SAMPLER_PARENTBASED_TRACEIDRATIO};
    for (size_t i = 0; i < 3; i++) {
        struct sampler sampler = made(kinds[i], 0.5);
        struct span_context parent = {.trace_id = {1}, .span_id = {1}, .remote = true};
        assert_false(sampled(&sampler, parent.trace_id, &parent));
        parent.flags = TRACE_FLAG_SAMPLED;
        assert_true(sampled(&sampler, parent.trace_id, &parent));
    }
}

static void the_others_do_not_ask_the_parent(void **state)
{
    (void)state;
    struct span_context parent = {.trace_id = {1}, .span_id = {1}};
    struct sampler on = made(SAMPLER_ALWAYS_ON, 0);
    assert_true(sampled(&on, parent.trace_id, &parent));
    parent.flags = TRACE_FLAG_SAMPLED;
    struct sampler off = made(SAMPLER_ALWAYS_OFF, 0);
    assert_false(sampled(&off, parent.trace_id, &parent));
    struct sampler half = made(SAMPLER_TRACEIDRATIO, 0.5);
    assert_false(sampled(&half, parent.trace_id, &parent)); /* random part all zero */
}

static void the_random_flag_is_set_on_roots_and_kept_from_parents(void **state)
{
    (void)state;
    const uint8_t id[16] = {1};
    struct sampler sampler = made(SAMPLER_PARENTBASED_ALWAYS_ON, 1);
    assert_int_equal(sampler_decide(&sampler, id, NULL), TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    struct span_context none = {.flags = 0};
    assert_int_equal(sampler_decide(&sampler, id, &none), TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    struct span_context parent = {.trace_id = {1}, .span_id = {1}, .flags = TRACE_FLAG_SAMPLED};
    assert_int_equal(sampler_decide(&sampler, id, &parent), TRACE_FLAG_SAMPLED);
    parent.flags = TRACE_FLAG_RANDOM | 0x80;
    assert_int_equal(sampler_decide(&sampler, id, &parent), TRACE_FLAG_RANDOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_two_simple_ones_need_no_id),
        cmocka_unit_test(the_ends_of_the_ratio_mean_all_and_none),
        cmocka_unit_test(only_the_right_most_seven_bytes_decide),
        cmocka_unit_test(the_share_kept_is_the_ratio),
        cmocka_unit_test(a_smaller_ratio_keeps_a_subset),
        cmocka_unit_test(parent_based_follows_the_parent_whatever_the_root_rule),
        cmocka_unit_test(the_others_do_not_ask_the_parent),
        cmocka_unit_test(the_random_flag_is_set_on_roots_and_kept_from_parents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
