// SPDX-License-Identifier: Apache-2.0
/* The fuzz target tests/fuzz/observe.c with steps drawn by chance, so that every run of the unit
 * tests plays some of them, under whatever sanitizer it is built with. A step that goes wrong
 * aborts, and the steps before it are printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define INPUTS 6000
#define STEPS  60
#define BYTES  (1 + 6 * STEPS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static void any_calls_make_the_spans_that_the_model_makes(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int i = 0; i < INPUTS; i++) {
        uint8_t steps[BYTES];
        for (size_t at = 0; at < sizeof steps; at++)
            steps[at] = (uint8_t)next(&seed);
        /* Few descriptors meet more often. */
        for (size_t at = 2; at < sizeof steps; at += 6)
            steps[at] &= (uint8_t)(i % 2 ? 0x31 : 0xff);
        assert_int_equal(LLVMFuzzerTestOneInput(steps, 1 + next(&seed) % BYTES), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_calls_make_the_spans_that_the_model_makes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
