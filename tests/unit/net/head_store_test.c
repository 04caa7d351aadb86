// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/counters.h"
#include "agent/net/head_store.h"

#define MIB   (1024L * 1024)
#define SLACK (2 * MIB) /* of the test's own, and a sanitizer's */
#define MOST  32768

static struct head_place places[MOST];

static const size_t sizes[] = {1024, 4096, 16384, 65536};

static uint64_t lost(void)
{
    return counters_get(&counters.heads_no_room);
}

static int forget_all(void **state)
{
    (void)state;
    for (int i = 0; i < MOST; i++)
        head_store_drop(&places[i]);
    head_store_trim();
    counters.heads_no_room = 0;
    return 0;
}

static long resident(void)
{
    long all = 0;
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &all, &pages), 2);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Its bytes are all the same; false where there is no room. */
static bool keep(struct head_place *place, size_t used, size_t length, int byte)
{
    size_t room = 0;
    char *buffer = head_store_hold(place, used, length, &room);
    if (!buffer)
        return false;
    assert_true(room >= length);
    memset(buffer + used, byte, length - used);
    head_store_rest(place);
    return true;
}

static void assert_kept(struct head_place *place, size_t length, int byte)
{
    size_t room;
    const char *buffer = head_store_hold(place, length, length, &room);
    assert_non_null(buffer);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(buffer[i], byte);
    head_store_rest(place);
}

static void a_head_grows_and_keeps_its_bytes(void **state)
{
    (void)state;
    struct head_place *place = &places[0];
    size_t used = 0;
    for (size_t length = 1; length <= HEAD_BYTES; used = length, length *= 2) {
        assert_true(keep(place, used, length, 'a'));
        assert_kept(place, length, 'a');
    }
    assert_int_equal(used, HEAD_BYTES);
    head_store_drop(place);
    assert_false(head_is_kept(place));
    assert_int_equal(lost(), 0);
}

static void nothing_is_dropped_twice(void **state)
{
    (void)state;
    assert_true(keep(&places[0], 0, 10, 'a'));
    struct head_place again = places[0];
    head_store_drop(&places[0]);
    assert_true(keep(&places[1], 0, 10, 'b'));
    assert_int_equal(places[1].buffer, again.buffer);
    head_store_drop(&again);
    head_store_drop(&places[0]);
    assert_kept(&places[1], 10, 'b');
}

static void all_heads_together_take_no_more_than_is_said(void **state)
{
    (void)state;
    long before = resident();
    for (int i = 0; i < MOST; i++)
        assert_true(keep(&places[i], 0, sizes[i % 4], 'a'));
    long taken = resident() - before;
    print_message("%ld bytes for %d heads\n", taken, MOST);
    assert_true(taken > (long)HEAD_STORE_BYTES / 2 && taken <= (long)HEAD_STORE_BYTES + SLACK);
    assert_int_equal(lost(), MOST - 4096 - 1024 - 256 - 64);
}

static void the_head_that_began_first_gives_way(void **state)
{
    (void)state;
    for (int i = 0; i < 64; i++)
        assert_true(keep(&places[i], 0, HEAD_BYTES, 'a' + i % 26));
    assert_true(keep(&places[0], 100, 200, 'z')); /* used last, and yet the oldest */
    assert_true(keep(&places[64], 0, HEAD_BYTES, '#'));
    assert_int_equal(lost(), 1);

    assert_false(keep(&places[0], 200, 300, 'z'));
    assert_false(head_is_kept(&places[0]));
    assert_int_equal(lost(), 1); /* once */
    for (int i = 1; i < 64; i++)
        assert_kept(&places[i], HEAD_BYTES, 'a' + i % 26);
    assert_kept(&places[64], HEAD_BYTES, '#');
}

static void one_that_grows_takes_nothing_from_a_newer_one(void **state)
{
    (void)state;
    assert_true(keep(&places[64], 0, 100, 'a'));
    for (int i = 0; i < 64; i++)
        assert_true(keep(&places[i], 0, HEAD_BYTES, 'b'));
    assert_false(keep(&places[64], 100, HEAD_BYTES, 'a'));
    assert_false(head_is_kept(&places[64]));
    assert_int_equal(lost(), 1);
    for (int i = 0; i < 64; i++)
        assert_kept(&places[i], HEAD_BYTES, 'b');
}

static void nobody_takes_a_buffer_that_is_held(void **state)
{
    (void)state;
    size_t room;
    for (int i = 0; i < 64; i++)
        assert_non_null(head_store_hold(&places[i], 0, HEAD_BYTES, &room));
    assert_false(keep(&places[64], 0, HEAD_BYTES, 'a'));
    head_store_rest(&places[7]);
    assert_true(keep(&places[64], 0, HEAD_BYTES, 'a'));
    assert_int_equal(lost(), 2);
}

static void long_heads_take_no_room_from_short_ones(void **state)
{
    (void)state;
    for (int i = 1; i < 1000; i++)
        assert_true(keep(&places[i], 0, HEAD_BYTES, 'a'));
    uint64_t before = lost();
    assert_true(keep(&places[0], 0, 700, 'b'));
    assert_true(keep(&places[0], 700, 9000, 'b'));
    assert_kept(&places[0], 9000, 'b');
    assert_int_equal(lost(), before);
}

static void what_is_free_goes_back_to_the_kernel(void **state)
{
    (void)state;
    long before = resident();
    for (int size = 0; size < 4; size++) {
        int count = (int)(4 * MIB / (long)sizes[size]);
        for (int i = 0; i < count; i++)
            assert_true(keep(&places[i], 0, sizes[size], 'a'));
        for (int i = 0; i < count; i++)
            head_store_drop(&places[i]);
    }
    assert_true(resident() - before > 12 * MIB);
    head_store_trim();
    print_message("%ld bytes remain\n", resident() - before);
    assert_true(resident() - before <= MIB + SLACK);
    assert_true(keep(&places[0], 0, HEAD_BYTES, 'b'));
}

static void what_is_kept_stays_where_its_neighbours_go(void **state)
{
    (void)state;
    for (int size = 0; size < 4; size++) {
        int count = (int)(4 * MIB / (long)sizes[size]);
        for (int i = 0; i < count; i++)
            assert_true(keep(&places[i], 0, sizes[size], 'a' + i % 26));
        for (int i = 0; i < count; i++)
            if (i % 5)
                head_store_drop(&places[i]);
        head_store_trim();
        for (int i = 0; i < count; i += 5) {
            assert_kept(&places[i], sizes[size], 'a' + i % 26);
            head_store_drop(&places[i]);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup(name, forget_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_head_grows_and_keeps_its_bytes),
        TEST(nothing_is_dropped_twice),
        TEST(all_heads_together_take_no_more_than_is_said),
        TEST(the_head_that_began_first_gives_way),
        TEST(one_that_grows_takes_nothing_from_a_newer_one),
        TEST(nobody_takes_a_buffer_that_is_held),
        TEST(long_heads_take_no_room_from_short_ones),
        TEST(what_is_free_goes_back_to_the_kernel),
        TEST(what_is_kept_stays_where_its_neighbours_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
