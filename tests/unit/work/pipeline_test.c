// SPDX-License-Identifier: Apache-2.0
#include "agent/work/pipeline.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct pipeline pipeline;

static int begin(void **state)
{
    (void)state;
    memset(&pipeline, 0, sizeof pipeline);
    return 0;
}

static void requests_without_keys_are_answered_in_order(void **state)
{
    (void)state;
    uint32_t taken = 0;
    assert_int_equal(pipeline_front(&pipeline), 0);
    for (uint32_t placed = 1; placed <= 3 * PIPELINE_LENGTH; placed++) {
        assert_true(pipeline_place(&pipeline, placed));
        assert_int_equal(pipeline_newest(&pipeline), placed);
        if (placed % 3 == 0)
            continue; /* so that it fills, and goes round */
        assert_int_equal(pipeline_front(&pipeline), ++taken);
        pipeline_take(&pipeline);
    }
    while (taken < 3 * PIPELINE_LENGTH) {
        assert_int_equal(pipeline_front(&pipeline), ++taken);
        pipeline_take(&pipeline);
    }
    assert_true(pipeline_empty(&pipeline));
    assert_int_equal(pipeline_front(&pipeline), 0);
    assert_int_equal(pipeline_newest(&pipeline), 0);
}

static void a_place_that_was_taken_has_no_entry(void **state)
{
    (void)state;
    assert_true(pipeline_place(&pipeline, 7));
    assert_int_equal(pipeline_entry(&pipeline, 0), 7);
    pipeline_take(&pipeline);
    assert_int_equal(pipeline_entry(&pipeline, 0), 0);
    assert_null(pipeline_exchange(0));
    assert_null(pipeline_exchange(PIPELINE_UNTRACED | PIPELINE_ALONG));
}

static void no_more_are_open_than_there_is_room_for(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= PIPELINE_LENGTH; i++)
        assert_true(pipeline_place(&pipeline, i));
    assert_false(pipeline_place(&pipeline, 99));
    pipeline_take(&pipeline);
    assert_true(pipeline_place(&pipeline, 99));
    while (pipeline_take_any(&pipeline))
        ;

    for (uint32_t i = 1; i <= PIPELINE_LENGTH; i++)
        assert_true(pipeline_place_key(&pipeline, i, i));
    assert_false(pipeline_place_key(&pipeline, 99, 99));
    assert_int_equal(pipeline_take_key(&pipeline, 31), 31);
    assert_true(pipeline_place_key(&pipeline, 99, 99));
    assert_int_equal(pipeline_find(&pipeline, 99), 99);
}

static void requests_with_keys_are_answered_in_any_order(void **state)
{
    (void)state;
    static const uint32_t keys[] = {1, 3, 129, 131, 257, 2, UINT32_MAX, 130};
    const uint32_t count = sizeof keys / sizeof *keys;
    for (uint32_t i = 0; i < count; i++)
        assert_true(pipeline_place_key(&pipeline, keys[i], i + 1));
    assert_int_equal(pipeline_find(&pipeline, 5), 0);
    assert_int_equal(pipeline_take_key(&pipeline, 5), 0);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t which = (i * 5 + 3) % count;
        assert_int_equal(pipeline_find(&pipeline, keys[which]), which + 1);
        assert_int_equal(pipeline_take_key(&pipeline, keys[which]), which + 1);
        assert_int_equal(pipeline_take_key(&pipeline, keys[which]), 0);
    }
    assert_true(pipeline_empty(&pipeline));
}

/* A stream that lasts for hours. */
static void one_that_stays_open_is_in_nobodys_way(void **state)
{
    (void)state;
    assert_true(pipeline_place_key(&pipeline, 1, 1));
    for (uint32_t key = 3; key < 100 * PIPELINE_LENGTH; key += 2) {
        assert_true(pipeline_place_key(&pipeline, key, key));
        assert_int_equal(pipeline_take_key(&pipeline, key), key);
    }
    assert_int_equal(pipeline_take_key(&pipeline, 1), 1);
}

static void a_walk_meets_what_is_open_once(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 100; i++) { /* from the middle round the end */
        assert_true(pipeline_place(&pipeline, i));
        if (i <= 50)
            pipeline_take(&pipeline);
    }
    struct pipeline_walk walk = pipeline_walk(&pipeline);
    for (uint32_t i = 51; i <= 100; i++)
        assert_int_equal(pipeline_next(&pipeline, &walk), i);
    assert_int_equal(pipeline_next(&pipeline, &walk), 0);
    for (uint32_t i = 51; i <= 100; i++)
        assert_int_equal(pipeline_take_any(&pipeline), i);
    assert_int_equal(pipeline_take_any(&pipeline), 0);
    assert_true(pipeline_empty(&pipeline));

    uint64_t met = 0;
    for (uint32_t key = 1; key <= 60; key++)
        assert_true(pipeline_place_key(&pipeline, key * 7, key));
    for (uint32_t key = 2; key <= 60; key += 2)
        assert_int_equal(pipeline_take_key(&pipeline, key * 7), key);
    walk = pipeline_walk(&pipeline);
    uint32_t entry;
    while ((entry = pipeline_next(&pipeline, &walk)) != 0) {
        assert_int_equal(met >> entry & 1, 0);
        met |= UINT64_C(1) << entry;
    }
    assert_int_equal(met, UINT64_C(0x0aaaaaaaaaaaaaaa));
    for (int i = 0; i < 30; i++)
        assert_int_not_equal(pipeline_take_any(&pipeline), 0);
    assert_true(pipeline_empty(&pipeline));
}

#define ROUNDS 20000

static _Atomic uint32_t newest;
static _Atomic uint32_t got;

/* The side of the responses: ends what is open, as soon as it is. */
static void *answer(void *unused)
{
    (void)unused;
    for (uint32_t key; (key = atomic_load(&newest)) <= ROUNDS;)
        if (key && pipeline_take_key(&pipeline, key))
            atomic_fetch_add(&got, 1);
    return NULL;
}

/* The client resets a stream while it is answered. */
static void of_both_sides_one_takes_a_request(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer, NULL), 0);
    for (uint32_t key = 1; key <= ROUNDS; key++) {
        assert_true(pipeline_place_key(&pipeline, key, key));
        atomic_store(&newest, key);
        if (pipeline_take_key(&pipeline, key))
            atomic_fetch_add(&got, 1);
        assert_int_equal(pipeline_find(&pipeline, key), 0);
    }
    atomic_store(&newest, ROUNDS + 1);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&got), ROUNDS);
    assert_true(pipeline_empty(&pipeline));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(requests_without_keys_are_answered_in_order, begin),
        cmocka_unit_test_setup(a_place_that_was_taken_has_no_entry, begin),
        cmocka_unit_test_setup(no_more_are_open_than_there_is_room_for, begin),
        cmocka_unit_test_setup(requests_with_keys_are_answered_in_any_order, begin),
        cmocka_unit_test_setup(one_that_stays_open_is_in_nobodys_way, begin),
        cmocka_unit_test_setup(a_walk_meets_what_is_open_once, begin),
        cmocka_unit_test_setup(of_both_sides_one_takes_a_request, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
