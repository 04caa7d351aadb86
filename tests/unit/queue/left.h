// SPDX-License-Identifier: Apache-2.0
/* left.h - for tests: processes that end without a word, the file that the last of them left, and
 * an heir that takes all of it. A group is set up by make_directory, each test by as_heir. */
#ifndef TESTS_LEFT_H
#define TESTS_LEFT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/process.h"
#include "agent/queue/recovery.h"
#include "agent/queue/region.h"
#include "agent/span/span.h"

#define KEY      0xfeed
#define FINISHED 5

static char directory[] = "/tmp/left_test.XXXXXX";
static char left[REGION_PATH_BYTES]; /* the file of the last process that ended */
static _Alignas(8) unsigned char memory[RING_RECORD_BYTES_MAX];
static struct span_record *const record = (struct span_record *)memory;

static inline int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static inline int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory); /* fails where a test left a file behind */
}

static inline int as_heir(void **state)
{
    (void)state;
    recovery_init(directory, KEY);
    return 0;
}

/* ---- what a process leaves ---- */

static inline void begin_span(void *at, uint32_t room, unsigned number, struct span *span)
{
    struct span_context self = {.trace_id = {9}, .span_id = {(uint8_t)number}};
    span_begin(span, at, room, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 1000);
    span_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD, SLICE_LITERAL("GET"));
}

static inline void write_finished(struct region *region, unsigned number)
{
    struct span span;
    begin_span(memory, sizeof memory, number, &span);
    span_end(&span, 2000);
    if (!ring_write(region->ring, record, record->length))
        abort();
}

static inline void leave_in_flight(struct region *region, unsigned place, unsigned number)
{
    struct span span;
    begin_span(region->open[place].record, sizeof region->open[place].record, number, &span);
    uint64_t id;
    memcpy(&id, ((struct span_record *)region->open[place].record)->span_id, sizeof id);
    atomic_store(&region->open[place].in_flight, id);
}

/* Spans 1 to 5 have ended; 5 was not yet taken from those in flight, of which 6 is another. */
static inline void live_and_leave(int told, uint64_t key)
{
    struct region region;
    struct region_place place = {directory, key, SLICE_LITERAL("resource")};
    if (!region_init(&region, 100, &place) || !region.path[0])
        abort();
    for (unsigned i = 1; i <= FINISHED; i++)
        write_finished(&region, i);
    leave_in_flight(&region, 3, FINISHED);
    region_grow_open(&region);
    leave_in_flight(&region, REGION_OPEN - 1, FINISHED + 1);
    if (write(told, region.path, sizeof region.path) != sizeof region.path)
        abort();
}

/* A child that leaves its region and then does what `end` says. */
static inline pid_t start(uint64_t key, void (*end)(void))
{
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        live_and_leave(told[1], key);
        end();
        _exit(0);
    }
    assert_int_equal(read(told[0], left, sizeof left), sizeof left);
    close(told[0]);
    close(told[1]);
    return child;
}

static inline void end_at_once(void)
{
}

static inline void wait_for_signal(void)
{
    pause();
}

static inline void let_one_end(void)
{
    waitpid(start(KEY, end_at_once), NULL, 0);
}

/* ---- what becomes of the file ---- */

static inline void change_left(void (*change)(struct region *region, uint64_t how), uint64_t how)
{
    struct region region;
    struct stat status;
    int fd = open(left, O_RDWR);
    assert_int_equal(fstat(fd, &status), 0);
    assert_true(region_map(&region, fd, (size_t)status.st_size));
    strcpy(region.path, left);
    change(&region, how);
    strcpy(left, region.path);
    region_forget(&region);
    close(fd);
}

static inline void silence(struct region *region, uint64_t seconds)
{
    atomic_fetch_sub(&region->header->alive_ns, seconds * 1000000000u);
}

static inline void be_silent_for(uint64_t seconds)
{
    change_left(silence, seconds);
}

/* What the file says is as long ago, but only by the clock of the world. */
static inline void set_clock(struct region *region, uint64_t seconds)
{
    atomic_fetch_sub(&region->header->unix_offset_ns, (int64_t)seconds * 1000000000);
}

static inline void empty(struct region *region, uint64_t unused)
{
    (void)unused;
    while (ring_read(region->ring, memory, sizeof memory))
        ;
    for (size_t i = 0; i < REGION_OPEN; i++)
        atomic_store(&region->open[i].in_flight, 0);
}

static inline void spoil(struct region *region, uint64_t unused)
{
    (void)unused;
    region->header->version++;
}

static inline void rename_left(uint64_t pid_namespace, uint32_t pid, uint32_t image)
{
    char elsewhere[REGION_PATH_BYTES];
    snprintf(elsewhere, sizeof elsewhere,
             "%s/" REGION_PREFIX "%u/" REGION_PREFIX "%016x-%llx-%u-%08x-00000001", directory,
             (unsigned)geteuid(), KEY, (unsigned long long)pid_namespace, pid, image);
    assert_int_equal(rename(left, elsewhere), 0);
    strcpy(left, elsewhere);
}

/* ---- what an heir finds ---- */

static inline bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static inline void nobody_takes_it(void)
{
    struct recovery dead;
    assert_false(recovery_begin(&dead));
}

static inline void expect_record(struct recovery *dead, unsigned number)
{
    assert_true(ring_peek(dead->ring, record, sizeof memory) > 0);
    assert_int_equal(record->span_id[0], number);
    recovery_saw(dead, record);
}

static inline void expect_the_rest(struct recovery *dead, unsigned from, const char *reason)
{
    for (unsigned i = from; i <= FINISHED; i++)
        expect_record(dead, i);
    assert_int_equal(ring_peek(dead->ring, record, sizeof memory), 0);
    assert_true(recovery_next_open(dead, record) > 0);
    assert_int_equal(record->span_id[0], FINISHED + 1);
    assert_int_equal(record->status, SPAN_STATUS_ERROR);
    struct slice error = span_find_string(record, ATTRIBUTE_ERROR_TYPE);
    assert_true(slice_equal(error, slice_of(reason)));
    assert_int_equal(recovery_next_open(dead, record), 0);
    ring_release(dead->ring);
}

static inline void take_all(const char *reason)
{
    struct recovery dead;
    assert_true(recovery_begin(&dead));
    assert_true(slice_equal(dead.resource, SLICE_LITERAL("resource")));
    expect_the_rest(&dead, 1, reason);
    recovery_end(&dead, true);
    assert_false(exists(left));
    nobody_takes_it();
}

#define TEST(name) cmocka_unit_test_setup(name, as_heir)

#endif
