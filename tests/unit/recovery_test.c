// SPDX-License-Identifier: Apache-2.0
/* What processes that ended without a word leave in the directory, and who takes it. */
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

#include "agent/process.h"
#include "agent/recovery.h"
#include "agent/region.h"
#include "agent/span.h"

#define KEY      0xfeed
#define FINISHED 5

static char directory[] = "/tmp/recovery_test.XXXXXX";
static char left[REGION_PATH_BYTES]; /* the file of the last process that ended */
static _Alignas(8) unsigned char memory[RING_RECORD_BYTES_MAX];
static struct span_record *const record = (struct span_record *)memory;

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory); /* fails where a test left a file behind */
}

static int as_heir(void **state)
{
    (void)state;
    recovery_init(directory, KEY);
    return 0;
}

/* ---- what a process leaves ---- */

static void begin_span(void *at, uint32_t room, unsigned number, struct span *span)
{
    struct span_context self = {.trace_id = {9}, .span_id = {(uint8_t)number}};
    span_begin(span, at, room, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 1000);
    span_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD, SLICE_LITERAL("GET"));
}

static void write_finished(struct region *region, unsigned number)
{
    struct span span;
    begin_span(memory, sizeof memory, number, &span);
    span_end(&span, 2000);
    if (!ring_write(region->ring, record, record->length))
        abort();
}

static void leave_in_flight(struct region *region, unsigned place, unsigned number)
{
    struct span span;
    begin_span(region->open[place].record, sizeof region->open[place].record, number, &span);
    uint64_t id;
    memcpy(&id, ((struct span_record *)region->open[place].record)->span_id, sizeof id);
    atomic_store(&region->open[place].in_flight, id);
}

/* Spans 1 to 5 have ended; 5 was not yet taken from those in flight, of which 6 is another. */
static void live_and_leave(int told, uint64_t key)
{
    struct region region;
    struct region_place place = {directory, key, SLICE_LITERAL("resource")};
    if (!region_init(&region, 100, &place) || !region.path[0])
        abort();
    for (unsigned i = 1; i <= FINISHED; i++)
        write_finished(&region, i);
    leave_in_flight(&region, 3, FINISHED);
    leave_in_flight(&region, REGION_OPEN - 1, FINISHED + 1);
    if (write(told, region.path, sizeof region.path) != sizeof region.path)
        abort();
}

/* A child that leaves its region and then does what `end` says. */
static pid_t start(uint64_t key, void (*end)(void))
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

static void end_at_once(void)
{
}

static void wait_for_signal(void)
{
    pause();
}

static void let_one_end(void)
{
    waitpid(start(KEY, end_at_once), NULL, 0);
}

/* ---- what becomes of the file ---- */

static void change_left(void (*change)(struct region *region, uint64_t how), uint64_t how)
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

static void silence(struct region *region, uint64_t seconds)
{
    atomic_fetch_sub(&region->header->alive_ns, seconds * 1000000000u);
}

static void be_silent_for(uint64_t seconds)
{
    change_left(silence, seconds);
}

/* What the file says is as long ago, but only by the clock of the world. */
static void set_clock(struct region *region, uint64_t seconds)
{
    atomic_fetch_sub(&region->header->unix_offset_ns, (int64_t)seconds * 1000000000);
}

static void empty(struct region *region, uint64_t unused)
{
    (void)unused;
    while (ring_read(region->ring, memory, sizeof memory))
        ;
    for (size_t i = 0; i < REGION_OPEN; i++)
        atomic_store(&region->open[i].in_flight, 0);
}

static void spoil(struct region *region, uint64_t unused)
{
    (void)unused;
    region->header->version++;
}

static void rename_left(uint64_t pid_namespace, uint32_t pid, uint32_t image)
{
    char elsewhere[REGION_PATH_BYTES];
    snprintf(elsewhere, sizeof elsewhere, "%s/" REGION_PREFIX "%016x-%llx-%u-%08x-00000001",
             directory, KEY, (unsigned long long)pid_namespace, pid, image);
    assert_int_equal(rename(left, elsewhere), 0);
    strcpy(left, elsewhere);
}

/* ---- what an heir finds ---- */

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static void nobody_takes_it(void)
{
    struct recovery dead;
    assert_false(recovery_begin(&dead));
}

static void expect_record(struct recovery *dead, unsigned number)
{
    assert_true(ring_peek(dead->ring, record, sizeof memory) > 0);
    assert_int_equal(record->span_id[0], number);
    recovery_saw(dead, record);
}

static void expect_the_rest(struct recovery *dead, unsigned from, const char *reason)
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

static void take_all(const char *reason)
{
    struct recovery dead;
    assert_true(recovery_begin(&dead));
    assert_true(slice_equal(dead.resource, SLICE_LITERAL("resource")));
    expect_the_rest(&dead, 1, reason);
    recovery_end(&dead, true);
    assert_false(exists(left));
    nobody_takes_it();
}

static void each_span_is_found_once(void **state)
{
    (void)state;
    let_one_end();
    take_all("process_ended");
}

static void an_heir_that_stops_half_way_has_heirs(void **state)
{
    (void)state;
    struct recovery dead;
    let_one_end();
    assert_true(recovery_begin(&dead));
    expect_record(&dead, 1);
    expect_record(&dead, 2);
    ring_release(dead.ring); /* these were sent */
    expect_record(&dead, 3);
    recovery_end(&dead, false);
    assert_true(exists(left));

    assert_true(recovery_begin(&dead));
    expect_the_rest(&dead, 3, "process_ended");
    recovery_end(&dead, true);
    nobody_takes_it();
}

static void one_heir_at_a_time(void **state)
{
    (void)state;
    let_one_end();
    int fd = open(left, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    nobody_takes_it();
    close(fd);
    take_all("process_ended");
}

static void a_parent_knows_the_signal(void **state)
{
    (void)state;
    pid_t child = start(KEY, wait_for_signal);
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    recovery_note_signal((uint32_t)child, SIGTERM);
    take_all("SIGTERM");
}

static void a_signal_that_does_not_exist_is_not_believed(void **state)
{
    (void)state;
    pid_t child = start(KEY, end_at_once);
    waitpid(child, NULL, 0);
    recovery_note_signal((uint32_t)child, UINT32_MAX);
    take_all("process_ended");
}

static void who_lives_keeps_his_spans(void **state)
{
    (void)state;
    pid_t child = start(KEY, wait_for_signal);
    nobody_takes_it();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    take_all("process_ended");
}

/* Its parent is about to be told which signal it was. */
static void a_zombie_is_left_to_its_parent_for_a_while(void **state)
{
    (void)state;
    siginfo_t ended;
    pid_t child = start(KEY, end_at_once);
    assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
    nobody_takes_it();

    be_silent_for(20);
    take_all("process_ended");
    waitpid(child, NULL, 0);
}

/* ---- what is left alone ---- */

static void other_services_files_are_left_alone(void **state)
{
    (void)state;
    waitpid(start(KEY + 1, end_at_once), NULL, 0);
    nobody_takes_it();
    recovery_init(directory, KEY + 1);
    take_all("process_ended");
}

static void files_that_others_may_write_are_left_alone(void **state)
{
    (void)state;
    static const mode_t modes[] = {0660, 0606, 0644, 0700 | 07};
    let_one_end();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(left, modes[i]), 0);
        nobody_takes_it();
    }
    assert_int_equal(chmod(left, 0600), 0);
    take_all("process_ended");
}

static void another_users_file_is_left_alone(void **state)
{
    (void)state;
    let_one_end();
    if (geteuid() == 0) {
        assert_int_equal(chown(left, 65534, (gid_t)-1), 0);
        nobody_takes_it();
        assert_true(exists(left));
        assert_int_equal(chown(left, 0, (gid_t)-1), 0);
    }
    take_all("process_ended");
}

static void links_are_left_alone(void **state)
{
    (void)state;
    char elsewhere[REGION_PATH_BYTES];
    let_one_end();
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", directory);
    assert_int_equal(link(left, elsewhere), 0);
    nobody_takes_it();
    assert_int_equal(unlink(left), 0);
    assert_int_equal(symlink(elsewhere, left), 0);
    nobody_takes_it();
    assert_true(exists(left) && exists(elsewhere));
    assert_int_equal(rename(elsewhere, left), 0);
    take_all("process_ended");
}

static void what_is_no_region_is_left_alone(void **state)
{
    (void)state;
    let_one_end();
    assert_int_equal(unlink(left), 0);
    assert_int_equal(mkfifo(left, 0600), 0);
    nobody_takes_it();
    assert_int_equal(unlink(left), 0);
    assert_int_equal(mkdir(left, 0700), 0);
    nobody_takes_it();
    assert_int_equal(rmdir(left), 0);
    int fd = open(left, O_RDWR | O_CREAT, 0600);
    nobody_takes_it(); /* empty */
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    nobody_takes_it(); /* zeros */
    close(fd);
    assert_int_equal(unlink(left), 0);
}

/* Ids mean nothing in another pid namespace: who says nothing for a minute has ended. */
static void in_another_namespace_silence_tells(void **state)
{
    (void)state;
    let_one_end();
    rename_left(0xabc, 1, 1);
    nobody_takes_it();
    be_silent_for(61);
    take_all("process_ended");
}

/* ---- who became another program ---- */

static void who_execs_finds_what_he_left(void **state)
{
    (void)state;
    struct region region;
    struct region_place place = {directory, KEY, SLICE_LITERAL("resource")};
    assert_true(region_init(&region, 100, &place));
    write_finished(&region, 1);
    strcpy(left, region.path);
    nobody_takes_it();
    rename_left(process_namespace(), (uint32_t)getpid(), 0);
    nobody_takes_it(); /* whose image it was is not known */
    rename_left(process_namespace(), (uint32_t)getpid(), process_image() + 1);
    struct recovery dead;
    assert_true(recovery_begin(&dead));
    expect_record(&dead, 1);
    ring_release(dead.ring);
    recovery_end(&dead, true);
    assert_false(exists(left));
    region_forget(&region);
}

static void others_wait_whether_an_exec_fails(void **state)
{
    (void)state;
    pid_t child = start(KEY, wait_for_signal);
    change_left(region_replace, 0);
    assert_non_null(strstr(left, REGION_REPLACED));
    nobody_takes_it();
    be_silent_for(61);
    take_all("connection_aborted");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void a_request_that_is_handed_on_did_not_fail(void **state)
{
    (void)state;
    struct recovery dead;
    let_one_end();
    change_left(region_replace, UINT64_C(1) << (REGION_OPEN - 1));
    assert_true(recovery_begin(&dead));
    while (ring_peek(dead.ring, record, sizeof memory) > 0)
        recovery_saw(&dead, record);
    assert_true(recovery_next_open(&dead, record) > 0);
    assert_int_equal(record->span_id[0], FINISHED + 1);
    assert_int_equal(record->status, SPAN_STATUS_UNSET);
    assert_null(span_find_string(record, ATTRIBUTE_ERROR_TYPE).at);
    ring_release(dead.ring);
    recovery_end(&dead, true);
}

/* ---- what nobody comes for ---- */

#define DAY (24 * 60 * 60)

static bool swept(void)
{
    recovery_sweep();
    return !exists(left);
}

static void spans_of_other_services_wait_for_a_day(void **state)
{
    (void)state;
    waitpid(start(KEY + 1, end_at_once), NULL, 0);
    assert_false(swept());
    be_silent_for(DAY - 60);
    assert_false(swept());
    be_silent_for(120);
    int fd = open(left, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_false(swept()); /* an heir is at it */
    close(fd);
    assert_true(swept());
}

static void spans_of_the_own_service_are_never_swept(void **state)
{
    (void)state;
    let_one_end();
    be_silent_for(2 * DAY);
    assert_false(swept());
    take_all("process_ended");
}

static void a_clock_that_is_set_is_no_silence(void **state)
{
    (void)state;
    waitpid(start(KEY + 1, end_at_once), NULL, 0);
    change_left(set_clock, 2 * DAY);
    assert_false(swept());
    be_silent_for(2 * DAY);
    assert_true(swept());
}

static void who_lives_keeps_what_he_has_for_ever(void **state)
{
    (void)state;
    pid_t child = start(KEY + 1, wait_for_signal);
    be_silent_for(2 * DAY);
    assert_false(swept());
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(swept());
}

static void what_holds_nothing_is_swept_at_once(void **state)
{
    (void)state;
    waitpid(start(KEY + 1, end_at_once), NULL, 0);
    change_left(empty, 0);
    assert_true(swept());
}

static void what_can_not_be_read_is_swept_after_a_day(void **state)
{
    (void)state;
    waitpid(start(KEY, end_at_once), NULL, 0);
    change_left(spoil, 0);
    assert_false(swept());
    nobody_takes_it();
    const struct timespec times[] = {{0, UTIME_OMIT}, {time(NULL) - DAY - 60, 0}};
    assert_int_equal(utimensat(AT_FDCWD, left, times, 0), 0);
    assert_true(swept());
}

static void without_a_directory_there_is_nothing(void **state)
{
    (void)state;
    static const char *const nowhere[] = {NULL, "", "/nonexistent", "/dev/null"};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        recovery_init(nowhere[i], KEY);
        nobody_takes_it();
    }
}

#define TEST(name) cmocka_unit_test_setup(name, as_heir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_span_is_found_once),
        TEST(an_heir_that_stops_half_way_has_heirs),
        TEST(one_heir_at_a_time),
        TEST(a_parent_knows_the_signal),
        TEST(a_signal_that_does_not_exist_is_not_believed),
        TEST(who_lives_keeps_his_spans),
        TEST(a_zombie_is_left_to_its_parent_for_a_while),
        TEST(other_services_files_are_left_alone),
        TEST(files_that_others_may_write_are_left_alone),
        TEST(another_users_file_is_left_alone),
        TEST(links_are_left_alone),
        TEST(what_is_no_region_is_left_alone),
        TEST(in_another_namespace_silence_tells),
        TEST(who_execs_finds_what_he_left),
        TEST(others_wait_whether_an_exec_fails),
        TEST(a_request_that_is_handed_on_did_not_fail),
        TEST(spans_of_other_services_wait_for_a_day),
        TEST(spans_of_the_own_service_are_never_swept),
        TEST(a_clock_that_is_set_is_no_silence),
        TEST(who_lives_keeps_what_he_has_for_ever),
        TEST(what_holds_nothing_is_swept_at_once),
        TEST(what_can_not_be_read_is_swept_after_a_day),
        TEST(without_a_directory_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
