// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/queue/regions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/process.h"
#include "agent/queue/lodging.h"

static const struct region_place in_memory;

static size_t resident_bytes(const struct region *region)
{
    static unsigned char pages[65536];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = region->bytes / page;
    assert_true(count <= sizeof pages);
    assert_int_equal(mincore(region->header, region->bytes, pages), 0);
    size_t resident = 0;
    for (size_t i = 0; i < count; i++)
        resident += pages[i] & 1u;
    return resident * page;
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
        assert_true(region_init(&region, cases[i].asked, &in_memory));
        unsigned held = 0;
        while (ring_write(region.ring, record, sizeof record))
            held++;
        assert_int_equal(held, cases[i].held);
        region_forget(&region);
    }
}

static void the_smallest_region_takes_the_largest_record(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_init(&region, 1, &in_memory));
    assert_true(ring_write(region.ring, taken, RING_RECORD_BYTES_MAX));
    region_forget(&region);
}

static void only_used_pages_are_resident(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_init(&region, 100000, &in_memory));
    assert_true(region.bytes > 100u << 20);
    assert_true(resident_bytes(&region) <= 64 * 1024);
    region_forget(&region);
}

static void the_last_byte_of_all_places_is_ours(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_init(&region, 1, &in_memory));
    memset(region.open, 1, REGION_OPEN * sizeof *region.open);
    assert_ptr_equal(region.open + REGION_OPEN, lodging_place(&region, 0));
    memset(lodging_place(&region, REGION_LODGERS - 1), 1, REGION_LODGER_BYTES);
    assert_ptr_equal((char *)lodging_place(&region, REGION_LODGERS - 1) + REGION_LODGER_BYTES,
                     (char *)region.header + region.bytes);
    region_forget(&region);
}

/* ---- the file ---- */

static size_t allocated_bytes(const struct region *region)
{
    struct stat status;
    assert_int_equal(stat(region->path, &status), 0);
    return (size_t)status.st_blocks * 512;
}

/* Writes until it is full, as queue_hand_over() does. */
static unsigned fill(struct region *region, size_t record_bytes)
{
    unsigned held = 0;
    while (ring_write(region->ring, taken, (uint32_t)record_bytes)) {
        held++;
        if (ring_is_filling(region->ring) && ring_wants_more(region->ring))
            region_grow(region);
    }
    return held;
}

static void a_file_takes_little_until_it_is_used(void **state)
{
    (void)state;
    struct region region;
    struct region_place place = in_directory(directory);
    assert_true(region_init(&region, 2048, &place));
    assert_true(region.bytes > 2u << 20);
    assert_in_range(allocated_bytes(&region), 256 * 1024, 500 * 1024);
    region_grow(&region); /* needs nothing */
    assert_in_range(allocated_bytes(&region), 256 * 1024, 500 * 1024);

    assert_int_equal(fill(&region, 800), 2048);
    assert_true(allocated_bytes(&region) > 800 * 2048); /* no hole was written to */
    region_grow_open(&region);
    memset(region.open, 1, REGION_OPEN * sizeof *region.open);
    for (unsigned i = 0; i < 2048; i++)
        assert_int_equal(ring_read(region.ring, taken, sizeof taken), 800);
    assert_int_equal(fill(&region, 800), 2048); /* the next lap */
    region_unlink(&region);
    region_forget(&region);
}

static void an_heir_sees_what_was_ready(void **state)
{
    (void)state;
    struct region region;
    struct region heir;
    struct region_place place = in_directory(directory);
    assert_true(region_init(&region, 2048, &place));
    assert_true(ring_write(region.ring, taken, 800));
    atomic_store(&region.open[7].in_flight, 1);
    size_t before = allocated_bytes(&region);

    int fd = open(region.path, O_RDWR | O_CLOEXEC);
    assert_true(region_map(&heir, fd, region.bytes));
    assert_int_equal(heir.open_ready, 8);
    assert_true(region_has_something(&heir));
    assert_int_equal(ring_read(heir.ring, taken, sizeof taken), 800);
    assert_int_equal(ring_read(heir.ring, taken, sizeof taken), 0);
    for (unsigned i = 0; i < REGION_OPEN; i++) /* not asked for, but no trap */
        assert_int_equal(heir.open[i].in_flight, i == 7);
    assert_int_equal(allocated_bytes(&region), before);
    close(fd);
    region_forget(&heir);
    region_unlink(&region);
    region_forget(&region);
}

static void a_file_says_whose_it_is(void **state)
{
    (void)state;
    struct region region;
    struct region_place place = in_directory(directory);
    assert_true(region_init(&region, 10, &place));
    struct stat status;
    assert_int_equal(stat(region.path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, region.bytes);

    struct region_name name;
    assert_true(region_name_parse(&name, strrchr(region.path, '/') + 1));
    assert_int_equal(name.key, 0xfeed);
    assert_int_equal(name.pid, getpid());
    assert_int_equal(name.pid_namespace, region.header->pid_namespace);
    assert_true(name.image != 0);
    assert_int_equal(name.image, process_image());
    assert_false(name.replaced);
    assert_true(region.header->started_ticks > 0);
    assert_memory_equal((char *)region.header + REGION_RESOURCE, "res", 3);

    assert_false(region_has_something(&region));
    region_grow_open(&region);
    atomic_store(&region.open[REGION_OPEN - 1].in_flight, 1);
    assert_true(region_has_something(&region));
    region_unlink(&region);
    assert_int_equal(stat(region.path, &status), -1);
    region_forget(&region);
}

static void names_of_others_are_not_ours(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "otelagent-",
                                        "otelagent-12",
                                        "otelagent-12-34",
                                        "otelagent-12-34-56",
                                        "otelagent-12-34-56.x",
                                        "otelagent-12-34-0-7",
                                        "otelagent-xy-34-56-78",
                                        "sem.otelagent-12-34-56-78"};
    struct region_name name;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(region_name_parse(&name, names[i]));
    assert_true(region_name_parse(&name, "otelagent-00000000000000ff-1a-56-00000007"));
    assert_int_equal(name.key, 255);
    assert_int_equal(name.pid_namespace, 26);
    assert_int_equal(name.pid, 56);
    assert_int_equal(name.image, 0); /* an older agent's */
    assert_true(region_name_parse(&name, "otelagent-ff-1a-56-0000000b-00000007.replaced"));
    assert_int_equal(name.image, 11);
    assert_true(name.replaced);
}

static void where_no_file_can_be_memory_does(void **state)
{
    (void)state;
    char longer[2 * REGION_PATH_BYTES];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const char *const places[] = {"/nonexistent", "/proc", longer, "", NULL};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct region region;
        struct region_place place = in_directory(places[i]);
        errno = 77;
        assert_true(region_init(&region, 10, &place));
        assert_int_equal(errno, 77);
        assert_int_equal(region.path[0], '\0');
        assert_true(ring_write(region.ring, taken, 8));
        region_forget(&region);
    }
}

/* In a child, because limits are a process's. */
static void a_limit_on_files_is_no_signal(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {65536, 65536};
        struct region region;
        struct region_place place = in_directory(directory);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(region_init(&region, 10, &place) && !region.path[0] ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

/* ---- the end ---- */

static void who_execs_leaves_a_file_only_if_there_is_something_in_it(void **state)
{
    (void)state;
    struct region region;
    char before[REGION_PATH_BYTES];
    make_file_region(&region);
    strcpy(before, region.path);
    region_replace(&region, 0);
    assert_false(exists(before));
    assert_int_equal(region.path[0], '\0');
    region_forget(&region);

    make_file_region(&region);
    strcpy(before, region.path);
    atomic_store(&region.open[3].in_flight, 1);
    region_replace(&region, 8);
    assert_false(exists(before));
    assert_true(exists(region.path));
    assert_true(atomic_load(&region.header->replaced_ns) != 0);
    assert_int_equal(atomic_load(&region.header->handed_on), 8);
    strcpy(before, region.path);
    region_replace(&region, 0); /* again, because the first one failed */
    assert_string_equal(region.path, before);
    region_unlink(&region);
    assert_false(exists(before));
    region_forget(&region);
}

static void an_exec_that_failed_is_forgotten(void **state)
{
    (void)state;
    struct region region;
    make_file_region(&region);
    atomic_store(&region.open[3].in_flight, 1);
    region_replace(&region, 0);
    uint64_t now_ns = atomic_load(&region.header->replaced_ns);
    region_is_alive(&region, now_ns + 1000000, 0); /* the kernel may be at it still */
    assert_true(atomic_load(&region.header->replaced_ns) != 0);
    region_is_alive(&region, now_ns + 6000000000u, 0);
    assert_int_equal(atomic_load(&region.header->replaced_ns), 0);
    region_unlink(&region);
    region_forget(&region);
}

/* ---- read by another ---- */

static void another_reads_what_was_written(void **state)
{
    (void)state;
    struct region region, again;
    struct region_place place = in_directory(directory);
    assert_true(region_init(&region, 10, &place));
    uint64_t record = 42;
    assert_true(ring_write(region.ring, &record, sizeof record));
    int fd = open(region.path, O_RDWR);
    assert_true(region_map(&again, fd, region.bytes));
    assert_int_equal(ring_read(again.ring, taken, sizeof taken), 8);
    assert_memory_equal(taken, &record, 8);
    close(fd);
    region_forget(&again);
    region_unlink(&region);
    region_forget(&region);
}

static void a_spoilt_file_is_no_region(void **state)
{
    (void)state;
    struct region region, again;
    struct region_place place = in_directory(directory);
    assert_true(region_init(&region, 10, &place));
    int fd = open(region.path, O_RDWR);
    struct region_header *header = region.header;
    const struct region_header good = *header;

    assert_false(region_map(&again, fd, 4096));
    assert_false(region_map(&again, fd, region.bytes - 4096));
    header->magic++;
    assert_false(region_map(&again, fd, region.bytes));
    *header = good;
    header->version++;
    assert_false(region_map(&again, fd, region.bytes));
    header->version = 6;
    assert_false(region_map(&again, fd, region.bytes));
    header->version = 7; /* the one before, which is read */
    assert_true(region_map(&again, fd, region.bytes));
    region_forget(&again);
    *header = good;
    header->ring_bytes += 4096;
    assert_false(region_map(&again, fd, region.bytes));
    header->ring_bytes = UINT64_MAX - 4095;
    assert_false(region_map(&again, fd, region.bytes));
    *header = good;
    header->resource_bytes = REGION_RESOURCE_BYTES + 1;
    assert_false(region_map(&again, fd, region.bytes));
    *header = good;
    memset(region.ring, 0xff, 256);
    assert_false(region_map(&again, fd, region.bytes));
    assert_null(again.header);

    close(fd);
    region_unlink(&region);
    region_forget(&region);
}

static void an_open_span_is_taken_once(void **state)
{
    (void)state;
    struct region region;
    assert_true(region_init(&region, 100, &(struct region_place){0}));
    struct region_open *open = &region.open[3];
    atomic_store(&open->in_flight, 7);
    assert_false(region_take_open(open, 8));
    assert_int_equal(atomic_load(&open->ended), 0);
    assert_true(region_take_open(open, 7));
    assert_false(region_take_open(open, 7));
    assert_int_equal(atomic_load(&open->in_flight), REGION_ENDING);
    assert_int_equal(atomic_load(&open->ended), 7);
    region_forget(&region);
}

static void memory_without_a_file_is_shared_with_children(void **state)
{
    (void)state;
    struct region region;
    int status = -1;
    assert_true(region_init(&region, 100, &(struct region_place){0}));
    atomic_store(&region.open[0].in_flight, 9);
    pid_t child = fork();
    if (child == 0)
        _exit(region_take_open(&region.open[0], 9) ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(region_take_open(&region.open[0], 9));
    region_forget(&region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_queue_size_means_records),
        cmocka_unit_test(the_smallest_region_takes_the_largest_record),
        cmocka_unit_test(only_used_pages_are_resident),
        cmocka_unit_test(the_last_byte_of_all_places_is_ours),
        cmocka_unit_test(a_file_takes_little_until_it_is_used),
        cmocka_unit_test(an_heir_sees_what_was_ready),
        cmocka_unit_test(a_file_says_whose_it_is),
        cmocka_unit_test(names_of_others_are_not_ours),
        cmocka_unit_test(where_no_file_can_be_memory_does),
        cmocka_unit_test(a_limit_on_files_is_no_signal),
        cmocka_unit_test(who_execs_leaves_a_file_only_if_there_is_something_in_it),
        cmocka_unit_test(an_exec_that_failed_is_forgotten),
        cmocka_unit_test(another_reads_what_was_written),
        cmocka_unit_test(a_spoilt_file_is_no_region),
        cmocka_unit_test(an_open_span_is_taken_once),
        cmocka_unit_test(memory_without_a_file_is_shared_with_children),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
