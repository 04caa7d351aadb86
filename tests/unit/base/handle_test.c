// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "agent/base/handle.h"

struct thing {
    _Alignas(64) struct handle handle;
    int value;
};

HANDLE_TABLE(table, sizeof(struct thing), 64);

static void *address(uintptr_t number)
{
    return (void *)(number * 16);
}

static void what_was_made_is_found_until_it_is_dropped(void **state)
{
    (void)state;
    struct thing *thing = handle_make(&table, address(1));
    assert_non_null(thing);
    assert_int_equal(thing->value, 0);
    thing->value = 7;
    assert_ptr_equal(handle_find(&table, address(1)), thing);
    assert_null(handle_find(&table, address(2)));
    handle_drop(&table, address(1));
    assert_null(handle_find(&table, address(1)));
}

static void a_new_handle_at_an_old_address_is_another_one(void **state)
{
    (void)state;
    struct thing *first = handle_make(&table, address(3));
    uint32_t generation = first->handle.generation;
    first->value = 7;
    struct thing *second = handle_make(&table, address(3));
    assert_int_equal(second->value, 0);
    assert_int_not_equal(second->handle.generation, generation);
    assert_ptr_equal(handle_find(&table, address(3)), second);
    handle_drop(&table, address(3));
}

static void no_address_is_no_handle(void **state)
{
    (void)state;
    assert_null(handle_make(&table, NULL));
    assert_null(handle_find(&table, NULL));
    handle_drop(&table, NULL);
}

static void a_full_table_refuses_and_recovers(void **state)
{
    (void)state;
    uintptr_t made = 0;
    for (uintptr_t i = 1; i <= HANDLE_TABLE_ENTRIES * 2; i++)
        made += handle_make(&table, address(i)) != NULL;
    assert_in_range(made, HANDLE_TABLE_ENTRIES / 2, HANDLE_TABLE_ENTRIES);
    for (uintptr_t i = 1; i <= HANDLE_TABLE_ENTRIES * 2; i++) {
        struct thing *thing = handle_find(&table, address(i));
        if (thing)
            assert_ptr_equal(thing->handle.address, address(i));
        handle_drop(&table, address(i));
    }
    assert_non_null(handle_make(&table, address(1)));
    handle_drop(&table, address(1));
}

#define ROUNDS  20000
#define THREADS 4

/* Each thread has handles of its own, as applications do. */
static void *come_and_go(void *argument)
{
    uintptr_t own = (uintptr_t)argument;
    for (uintptr_t i = 0; i < ROUNDS; i++) {
        void *mine = address(1000 + own + THREADS * (i % 50));
        struct thing *thing = handle_make(&table, mine);
        if (!thing)
            return (void *)1;
        thing->value = (int)own;
        if (handle_find(&table, mine) != thing || thing->value != (int)own)
            return (void *)1;
        handle_drop(&table, mine);
    }
    return NULL;
}

static void threads_do_not_meet(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, (void *)i), 0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_made_is_found_until_it_is_dropped),
        cmocka_unit_test(a_new_handle_at_an_old_address_is_another_one),
        cmocka_unit_test(no_address_is_no_handle),
        cmocka_unit_test(a_full_table_refuses_and_recovers),
        cmocka_unit_test(threads_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
