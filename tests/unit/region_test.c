// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/region.h"

static _Alignas(8) unsigned char taken[RING_RECORD_BYTES_MAX];

static size_t resident_bytes(const struct region *region)
{
    static unsigned char pages[65536];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = region->bytes / page;
    assert_true(count <= sizeof pages);
    assert_int_equal(mincore(region->base, region->bytes, pages), 0);
    size_t resident = 0;
    for (size_t i = 0; i < count; i++)
        resident += pages[i] & 1u;
    return resident * page;
}

static void a_region_says_what_it_holds(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_init(&region, 2048, 1000, 10));
    const struct region_header *header = region.base;
    assert_true(header->magic == REGION_MAGIC);
    assert_int_equal(header->version, REGION_VERSION);
    assert_int_equal(header->pid, getpid());
    assert_int_equal(header->bytes, region.bytes);
    assert_ptr_equal((char *)region.base + header->ring_offset, region.ring);
    assert_ptr_equal((char *)region.base + header->exchange_offset, region.exchanges);
    assert_int_equal(region.exchange_bytes, 1024);
    assert_int_equal(header->exchange_count, 10);
    assert_true(header->started_unix_ns > 0);
    region_destroy(&region);
    assert_null(region.base);
}

static void the_queue_size_means_records(void **state)
{
    (void)state;
    static const struct {
        size_t asked;
        unsigned held;
    } cases[] = {{0, 1}, {1, 1}, {5, 5}, {100, 100}, {2048, 2048}, {3000, 3000}};
    unsigned char record[800] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct region region;
        assert_true(region_init(&region, cases[i].asked, 0, 0));
        assert_null(region.exchanges);
        unsigned held = 0;
        while (ring_write(region.ring, record, sizeof record))
            held++;
        assert_int_equal(held, cases[i].held);
        region_destroy(&region);
    }
}

static void the_smallest_region_takes_the_largest_record(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_init(&region, 1, 0, 0));
    assert_true(ring_write(region.ring, taken, RING_RECORD_BYTES_MAX));
    region_destroy(&region);
}

static void only_used_pages_are_resident(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_init(&region, 100000, 4096, 1000));
    assert_true(region.bytes > 100u << 20);
    assert_true(resident_bytes(&region) <= 64 * 1024);
    region_destroy(&region);
}

static void the_last_byte_of_the_last_exchange_is_ours(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_init(&region, 1, 8192, 3));
    memset(region.exchanges, 1, region.exchange_bytes * region.exchange_count);
    assert_true((char *)region.exchanges + region.exchange_bytes * region.exchange_count <=
                (char *)region.base + region.bytes);
    region_destroy(&region);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    struct region region;
    errno = 77;
    assert_false(region_init(&region, 1, SIZE_MAX, 1));
    assert_false(region_init(&region, 1, SIZE_MAX / 4, 4));
    assert_false(region_init(&region, 1, SIZE_MAX / 64, 3)); /* no such address space */
    assert_null(region.base);
    assert_false(region_reset_ring(&region));
    assert_int_equal(errno, 77);
}

static void a_forked_child_starts_with_an_empty_ring_and_the_parent_keeps_its_records(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_init(&region, 100, 64, 4));
    uint64_t record = 42;
    assert_true(ring_write(region.ring, &record, sizeof record));
    memset(region.exchanges, 1, 64);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct ring *before = region.ring;
        if (!region_reset_ring(&region) || region.ring != before)
            _exit(1);
        if (ring_read(region.ring, taken, sizeof taken) != 0 || ring_pending(region.ring) != 0)
            _exit(2);
        if (*(unsigned char *)region.exchanges != 1)
            _exit(3); /* open ones may still be answered here */
        const struct region_header *header = region.base;
        if (header->pid != (uint32_t)getpid())
            _exit(4);
        unsigned held = 0;
        while (ring_write(region.ring, &record, sizeof record))
            held++;
        _exit(held == 100 ? 0 : 5);
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(ring_read(region.ring, taken, sizeof taken), 8);
    assert_int_equal(*(unsigned char *)region.exchanges, 1);
    region_destroy(&region);
}

static void locked_memory_is_reset_too(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_init(&region, 1, 64, 1));
    if (mlock(region.base, region.bytes) != 0) {
        region_destroy(&region);
        skip(); /* RLIMIT_MEMLOCK */
    }
    uint64_t record = 42;
    assert_true(ring_write(region.ring, &record, sizeof record));
    assert_true(region_reset_ring(&region));
    assert_int_equal(ring_read(region.ring, taken, sizeof taken), 0);
    region_destroy(&region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_says_what_it_holds),
        cmocka_unit_test(the_queue_size_means_records),
        cmocka_unit_test(the_smallest_region_takes_the_largest_record),
        cmocka_unit_test(only_used_pages_are_resident),
        cmocka_unit_test(the_last_byte_of_the_last_exchange_is_ours),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(a_forked_child_starts_with_an_empty_ring_and_the_parent_keeps_its_records),
        cmocka_unit_test(locked_memory_is_reset_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
