// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/base/slab.h"

#define OBJECT_BYTES 16384
#define KEPT_BYTES   200
#define MOST         1024

static struct slab slab = SLAB_INIT(OBJECT_BYTES, 64, MOST);
static uint32_t taken[MOST];

static unsigned char *take(uint32_t *index)
{
    unsigned char *object = slab_take(&slab, index);
    assert_non_null(object);
    memset(object + sizeof(uint64_t), 0xaa, OBJECT_BYTES - sizeof(uint64_t));
    return object;
}

static void give_back(uint32_t index)
{
    (void)madvise((char *)slab_at(&slab, index) + 4096, OBJECT_BYTES - 4096, MADV_DONTNEED);
}

static void take_many(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        take(&taken[i]);
}

static void give_many(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        slab_give(&slab, taken[i]);
}

static int count_resident(void)
{
    int pages = 0;
    unsigned char resident[OBJECT_BYTES / 4096];
    for (uint32_t i = 0; i < MOST; i++) {
        if (!atomic_load(&slab.chunks[i >> slab.chunk_shift]))
            continue;
        assert_int_equal(mincore(slab_at(&slab, i), OBJECT_BYTES, resident), 0);
        for (size_t page = 0; page < sizeof resident; page++)
            pages += resident[page] & 1;
    }
    return pages;
}

static void a_peak_is_given_back_but_for_the_first_page_of_each(void **state)
{
    (void)state;
    take_many(MOST);
    assert_int_equal(count_resident(), MOST * 4);
    give_many(MOST);
    slab_trim(&slab, give_back);
    assert_true(count_resident() <= MOST + 3 * 64);
    for (uint32_t i = 0; i < MOST; i++)
        assert_int_equal(((unsigned char *)slab_at(&slab, i))[KEPT_BYTES - 1], 0xaa);
}

static void all_can_be_taken_again_each_once(void **state)
{
    (void)state;
    for (int times = 0; times < 3; times++) {
        static bool seen[MOST];
        memset(seen, 0, sizeof seen);
        take_many(MOST);
        for (uint32_t i = 0; i < MOST; i++) {
            assert_false(seen[taken[i]]);
            seen[taken[i]] = true;
        }
        uint32_t index;
        assert_null(slab_take(&slab, &index));
        give_many(MOST);
        slab_trim(&slab, give_back);
    }
}

static void those_in_use_keep_their_memory(void **state)
{
    (void)state;
    uint32_t held;
    take_many(MOST - 1);
    const unsigned char *object = take(&held);
    give_many(MOST - 1);
    slab_trim(&slab, give_back);
    for (size_t i = sizeof(uint64_t); i < OBJECT_BYTES; i++)
        assert_int_equal(object[i], 0xaa);
    slab_give(&slab, held);
}

static void a_busy_slab_is_left_alone(void **state)
{
    (void)state;
    take_many(MOST);
    int before = count_resident();
    for (uint32_t i = MOST / 2; i < MOST; i++)
        slab_give(&slab, taken[i]);
    slab_trim(&slab, give_back);
    assert_int_equal(count_resident(), before);
    give_many(MOST / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peak_is_given_back_but_for_the_first_page_of_each),
        cmocka_unit_test(all_can_be_taken_again_each_once),
        cmocka_unit_test(those_in_use_keep_their_memory),
        cmocka_unit_test(a_busy_slab_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
