// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exporter/transport/retry.h"

static const struct {
    struct retry_attempt attempt; /* enabled, answered, status, retry after, number, left, chance */
    enum retry_verdict verdict;
    int64_t wait_ms;
} decisions[] = {
    {{true, true, 200, -1, 1, 30000, 0}, RETRY_SUCCESS, 0},
    {{false, true, 200, -1, 1, 30000, 0}, RETRY_SUCCESS, 0},
    {{true, true, 202, -1, 1, 0, 0}, RETRY_SUCCESS, 0},
    {{true, true, 400, -1, 1, 30000, 0}, RETRY_DROP, 0},
    {{true, true, 408, -1, 1, 30000, 0}, RETRY_DROP, 0},
    {{true, true, 500, -1, 1, 30000, 0}, RETRY_DROP, 0},
    {{true, true, 501, 1, 1, 30000, 0}, RETRY_DROP, 0},
    {{true, true, 429, -1, 1, 30000, 0}, RETRY_AGAIN, 800},
    {{true, true, 502, -1, 1, 30000, 200}, RETRY_AGAIN, 1000},
    {{true, true, 503, -1, 1, 30000, 400}, RETRY_AGAIN, 1200},
    {{true, true, 504, -1, 2, 30000, 200}, RETRY_AGAIN, 1500},
    {{true, false, 0, -1, 3, 30000, 200}, RETRY_AGAIN, 2250},
    {{true, false, 0, -1, 4000000000u, 30000, 200}, RETRY_AGAIN, 5000},
    {{true, true, 503, 0, 1, 30000, 0}, RETRY_AGAIN, 800}, /* not as fast as it can */
    {{true, true, 429, 0, 4000000000u, 30000, 200}, RETRY_AGAIN, 5000},
    {{true, true, 503, 20000, 1, 30000, 0}, RETRY_AGAIN, 20000},
    {{true, true, 503, 30000, 1, 30000, 0}, RETRY_DROP, 0}, /* it would be too late then */
    {{true, false, 0, 20000, 1, 30000, 200}, RETRY_AGAIN, 1000},
    {{true, false, 0, -1, 1, 900, 200}, RETRY_DROP, 0},
    {{true, true, 503, 0, 1, 0, 0}, RETRY_DROP, 0},
    {{false, true, 503, 1, 1, 30000, 0}, RETRY_DROP, 0},
    {{false, false, 0, -1, 1, 30000, 0}, RETRY_DROP, 0},
};

static void each_attempt_gets_its_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof decisions / sizeof *decisions; i++) {
        struct retry_decision decision = retry_decide(&decisions[i].attempt);
        if (decision.verdict != decisions[i].verdict || decision.wait_ms != decisions[i].wait_ms)
            fail_msg("decision %zu: verdict %d, wait %d", i, (int)decision.verdict,
                     (int)decision.wait_ms);
    }
}

#define NOVEMBER_1994 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static const struct {
    struct slice value;
    int64_t unix_s;
    int64_t after_ms;
} values[] = {
    {SLICE_LITERAL("0"), 0, 0},
    {SLICE_LITERAL("120"), 0, 120000},
    {SLICE_LITERAL("999999999"), 0, 86400000},
    {SLICE_LITERAL("Sun, 06 Nov 1994 08:49:37 GMT"), NOVEMBER_1994 - 5, 5000},
    {SLICE_LITERAL("Sunday, 06-Nov-94 08:49:37 GMT"), NOVEMBER_1994 - 6, 6000},
    {SLICE_LITERAL("Sun Nov  6 08:49:37 1994"), NOVEMBER_1994 - 7, 7000},
    {SLICE_LITERAL("Friday, 01-Jan-00 00:00:00 GMT"), 4102444790, 10000}, /* 2100 */
    {SLICE_LITERAL("Sun, 06 Nov 1994 08:49:37 GMT"), NOVEMBER_1994 + 5, 0},
    {SLICE_LITERAL("Thu, 29 Feb 2024 00:00:00 GMT"), 1709164790, 10000},
    {SLICE_LITERAL("Fri, 01 Mar 2024 00:00:00 GMT"), 1709251199, 1000},
    {SLICE_LITERAL(""), 0, -1},
    {SLICE_LITERAL("-1"), 0, -1},
    {SLICE_LITERAL("1.5"), 0, -1},
    {SLICE_LITERAL("soon"), 0, -1},
    {SLICE_LITERAL("9999999999"), 0, -1},
    {SLICE_LITERAL("Sun, 06 Nov"), 0, -1},
    {SLICE_LITERAL("Sun, 06 Xyz 1994 08:49:37 GMT"), 0, -1},
    {SLICE_LITERAL("Sun, 00 Nov 1994 08:49:37 GMT"), 0, -1},
};

static void retry_after_is_read_in_all_its_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        int64_t after = retry_after_ms(values[i].value, values[i].unix_s);
        if (after != values[i].after_ms)
            fail_msg("%.*s: %lld", (int)values[i].value.length, values[i].value.at,
                     (long long)after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attempt_gets_its_verdict),
        cmocka_unit_test(retry_after_is_read_in_all_its_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
