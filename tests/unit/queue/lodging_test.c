// SPDX-License-Identifier: Apache-2.0
/* Children that lodge in their parent's region are real ones here. */
#include "tests/unit/queue/regions.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/counters.h"
#include "agent/base/slice.h"
#include "agent/queue/lodging.h"
#include "agent/queue/recovery.h"
#include "agent/span/span.h"

#define RECORD_BYTES 4096

static struct region host;
static const struct span_process said = {.pid = 77, .parent_pid = 7, .instance = {1, 2, 3}};
static int pipe_ends[2]; /* a child that waits reads from it, until the test closes it */

static int open_house(void **state)
{
    (void)state;
    struct region_place place = in_directory(directory);
    memset(&counters, 0, sizeof counters);
    if (!region_init(&host, 100, &place) || pipe(pipe_ends) != 0)
        return -1;
    lodging_open(&host);
    return 0;
}

static int leave_house(void **state)
{
    (void)state;
    lodging_begin(NULL, false);
    span_say_process(NULL);
    close(pipe_ends[0]);
    if (pipe_ends[1] >= 0)
        close(pipe_ends[1]);
    region_unlink(&host);
    region_forget(&host);
    return 0;
}

static void begin(struct span *span, void *memory, uint8_t number)
{
    struct span_context self = {.trace_id = {9}, .span_id = {number}};
    span_begin(span, memory, RECORD_BYTES, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 1000);
    span_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD, SLICE_LITERAL("GET"));
}

/* Forks; in the child: it lodges here. */
static pid_t fork_lodger(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipe_ends[1]);
        if (!lodging_is_offered(&host))
            _exit(100);
        ring_thread_reset();
        span_say_process(&said);
        lodging_begin(&host, false);
    }
    return child;
}

static void wait_for_the_test(void)
{
    char byte;
    (void)!read(pipe_ends[0], &byte, 1);
}

static void end_wait(void)
{
    close(pipe_ends[1]);
    pipe_ends[1] = -1;
}

static int status_of(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static uint32_t in_house(void)
{
    uint32_t count = 0;
    for (size_t i = 0; i < REGION_LODGERS; i++)
        count += host.header->lodgers[i].pid != 0;
    return count;
}

/* In a child: a request in a place of its own, in flight. */
static struct region_open *take_request(struct span *span, uint32_t *place)
{
    *place = lodging_take();
    struct region_open *open = *place ? lodging_taken(*place) : NULL;
    if (!open)
        _exit(101);
    begin(span, open->record, 5);
    atomic_store(&open->in_flight, 5);
    return open;
}

static void no_end(struct region *region, struct span_record *record, uint32_t signal)
{
    (void)region;
    (void)record;
    fail_msg("a request was taken for one that ended with its process (%u)", signal);
}

/* Nobody tells how a child ended, for as long as that is waited for. */
static void look_until_it_is_over(lodging_ended *ended)
{
    lodging_look(&host, no_end);
    usleep(60000);
    lodging_look(&host, ended);
}

static unsigned ends;
static uint32_t last_signal;
static void note_end(struct region *region, struct span_record *record, uint32_t signal)
{
    assert_ptr_equal(region, &host);
    assert_int_equal(record->span_id[0], 5);
    ends++;
    last_signal = signal;
}

static void a_child_leaves_a_span_that_says_whose_it_is(void **state)
{
    (void)state;
    _Alignas(8) unsigned char memory[RECORD_BYTES];
    struct span_process found;
    pid_t child = fork_lodger();
    if (child == 0) {
        struct span span;
        begin(&span, memory, 3);
        span_end(&span, 2000);
        _exit(lodging_send(span.record) ? 0 : 1);
    }
    assert_int_equal(status_of(child), 0);
    assert_int_equal(in_house(), 0);
    struct span_record *record = (struct span_record *)taken;
    assert_true(ring_peek(host.ring, taken, sizeof taken) > 0);
    assert_true(span_find_process(record, &found));
    assert_memory_equal(&found, &said, sizeof said);
    assert_int_equal(record->span_id[0], 3);
    ring_release(host.ring);
}

static void a_span_that_does_not_say_is_not_left(void **state)
{
    (void)state;
    _Alignas(8) unsigned char memory[RECORD_BYTES];
    struct span span;
    begin(&span, memory, 3);
    pid_t child = fork_lodger();
    if (child == 0)
        _exit(lodging_send(span.record) ? 1 : 0);
    assert_int_equal(status_of(child), 0);
    assert_int_equal(ring_pending(host.ring), 0);
}

static void a_place_is_given_back(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        pid_t child = fork_lodger();
        if (child == 0) {
            struct span span;
            uint32_t place;
            struct region_open *open = take_request(&span, &place);
            bool sent = lodging_send(span.record);
            atomic_store(&open->in_flight, 0);
            lodging_give_back(place);
            _exit(sent && place == 1 ? 0 : 1);
        }
        assert_int_equal(status_of(child), 0);
    }
    assert_int_equal(in_house(), 0);
    assert_int_equal(ring_pending(host.ring), 3);
    lodging_look(&host, no_end);
}

static void wait_until_in_house(uint32_t count)
{
    while (in_house() < count)
        usleep(1000);
}

static pid_t lodge_until_killed(void)
{
    pid_t child = fork_lodger();
    if (child == 0) {
        struct span span;
        uint32_t place;
        take_request(&span, &place);
        wait_for_the_test();
        pause();
    }
    return child;
}

static void a_child_that_is_killed_is_told_of(void **state)
{
    (void)state;
    pid_t child = lodge_until_killed();
    wait_until_in_house(1);
    usleep(10000);
    lodging_look(&host, no_end); /* it lives */
    assert_true(region_has_something(&host));
    kill(child, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    lodging_look(&host, no_end); /* nobody has asked how it ended */
    assert_int_equal(status_of(child), -SIGKILL);
    lodging_note_signal(&host, (uint32_t)child, SIGKILL);
    ends = 0;
    lodging_look(&host, note_end);
    lodging_look(&host, note_end);
    assert_int_equal(ends, 1);
    assert_int_equal(last_signal, SIGKILL);
    assert_int_equal(in_house(), 0);
    assert_int_equal(lodging_place(&host, 0)->in_flight, 0);
}

/* Whether the record is in the ring, its writer can't say any more. */
static void one_that_was_being_passed_on_is_counted(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        struct span span;
        uint32_t place;
        struct region_open *open = take_request(&span, &place);
        region_take_open(open, 5);
        _exit(0);
    }
    assert_int_equal(status_of(child), 0);
    look_until_it_is_over(no_end);
    assert_int_equal(counters_get(&counters.dropped_abandoned), 1);
    assert_int_equal(counters_get(&counters.spans_ended), 1);
    assert_int_equal(in_house(), 0);
}

static void nobody_comes_in_once_it_is_closed(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        uint32_t place = lodging_take();
        wait_for_the_test();
        lodging_give_back(place);
        _exit(lodging_take() ? 1 : 0);
    }
    wait_until_in_house(1);
    lodging_close(&host);
    end_wait();
    assert_int_equal(status_of(child), 0);
    assert_int_equal(in_house(), 0);
    assert_false(lodging_is_offered(&host));
}

static void there_are_so_many_places(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        for (uint32_t i = 0; i < REGION_LODGERS; i++)
            if (lodging_take() != i + 1 || !lodging_taken(i + 1))
                _exit(1);
        _exit(lodging_take() ? 2 : 0);
    }
    assert_int_equal(status_of(child), 0);
    assert_int_equal(in_house(), REGION_LODGERS);
    look_until_it_is_over(no_end); /* nothing was in flight in them */
    assert_int_equal(in_house(), 0);
}

static void a_child_that_goes_on_has_to_move_out(void **state)
{
    (void)state;
    _Alignas(8) unsigned char memory[RECORD_BYTES];
    pid_t child = fork_lodger();
    if (child == 0) {
        struct span span;
        begin(&span, memory, 3);
        int sent = 0;
        while (sent < 2 * LODGING_SPANS && lodging_send(span.record))
            sent++;
        _exit(sent);
    }
    /* A ring that fills ends it sooner. */
    assert_in_range(status_of(child), 1, LODGING_SPANS);
    assert_int_equal(in_house(), 0);
}

static void a_grandchild_does_not_lodge(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(lodging_is_offered(&host) || lodging_take() ? 1 : 0);
        int status;
        _exit(waitpid(grandchild, &status, 0) == grandchild && status == 0 ? 0 : 1);
    }
    assert_int_equal(status_of(child), 0);
}

static void another_user_does_not_lodge(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return; /* nobody else may become another one */
    pid_t child = fork_lodger();
    if (child == 0)
        _exit(seteuid(65534) != 0 || lodging_take() || host.header ? 1 : 0);
    assert_int_equal(status_of(child), 0);
}

/* In a child, because the region is gone then. */
static void who_quits_has_nothing_mapped(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        struct span span;
        uint32_t place;
        struct region_open *open = take_request(&span, &place);
        lodging_quit();
        if (!host.header || lodging_take())
            _exit(1); /* a request lies there still */
        atomic_store(&open->in_flight, 0);
        lodging_give_back(place);
        _Alignas(8) unsigned char memory[RECORD_BYTES];
        begin(&span, memory, 3);
        _exit(host.header || lodging_take() || lodging_send(span.record) ? 2 : 0);
    }
    assert_int_equal(status_of(child), 0);
    assert_int_equal(in_house(), 0);
    child = fork_lodger();
    if (child == 0) {
        lodging_quit();
        _exit(host.header ? 1 : 0);
    }
    assert_int_equal(status_of(child), 0);
}

static bool close_as_heir(void)
{
    struct region_header header;
    int fd = open(host.path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &header, sizeof header, 0), sizeof header);
    bool empty = lodging_close_file(fd, true, &header);
    close(fd);
    return empty;
}

static void a_hold_keeps_it_mapped(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        if (!lodging_hold())
            _exit(1);
        lodging_quit();
        if (!host.header || !lodging_hold())
            _exit(2); /* who looks may come in still */
        lodging_release();
        lodging_release();
        _exit(host.header || lodging_hold() ? 3 : 0);
    }
    assert_int_equal(status_of(child), 0);
    child = fork_lodger();
    if (child == 0) {
        uint32_t place = lodging_take();
        lodging_quit_now();
        lodging_give_back(place);
        _exit(!host.header || lodging_take() ? 1 : 0); /* not later */
    }
    assert_int_equal(status_of(child), 0);
    child = fork_lodger();
    if (child == 0) {
        lodging_quit_now();
        _exit(host.header ? 1 : 0);
    }
    assert_int_equal(status_of(child), 0);
}

static void who_became_another_program_keeps_nobody_waiting(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        uint32_t place = lodging_take();
        lodging_note_exec(place, LODGING_HANDED_ON);
        wait_for_the_test();
        _exit(0);
    }
    wait_until_in_house(1);
    while (atomic_load(&host.header->lodgers[0].signal) != LODGING_HANDED_ON)
        usleep(1000);
    assert_true(close_as_heir());
    end_wait();
    assert_int_equal(status_of(child), 0);
}

/* The processor's count of a boot before this one. */
static void who_came_before_the_machine_was_started_is_gone(void **state)
{
    (void)state;
    struct region_lodger *lodger = &host.header->lodgers[0];
    lodger->pid = (uint32_t)getppid();
    lodger->since_ns = UINT64_MAX;
    assert_true(close_as_heir());
    lodger->pid = 0;
}

static void an_heir_waits_for_those_who_live(void **state)
{
    (void)state;
    pid_t child = lodge_until_killed();
    wait_until_in_house(1);
    assert_false(close_as_heir());
    assert_int_equal(host.header->lodging, LODGING_CLOSED);
    kill(child, SIGKILL);
    assert_int_equal(status_of(child), -SIGKILL);
    assert_true(close_as_heir());
}

static void a_file_that_nobody_lodged_in_stays_as_it_is(void **state)
{
    (void)state;
    host.header->lodging = LODGING_NEVER;
    host.header->lodgers[3].pid = (uint32_t)getpid();
    assert_true(close_as_heir());
    assert_int_equal(host.header->lodging, LODGING_NEVER);
    host.header->lodgers[3].pid = 0;
}

/* A number that is used again is another process's. */
/* It has been asked how it ended, but not told: a moment later it is. */
static void how_a_child_ended_is_awaited(void **state)
{
    (void)state;
    pid_t child = lodge_until_killed();
    wait_until_in_house(1);
    usleep(10000);
    kill(child, SIGKILL);
    assert_int_equal(status_of(child), -SIGKILL);
    host.header->lodgers[0].ended_ns = 2; /* long ago, when nobody had asked */
    lodging_look(&host, no_end);
    lodging_note_signal(&host, (uint32_t)child, SIGKILL);
    lodging_look(&host, note_end);
    assert_int_equal(last_signal, SIGKILL);
    assert_int_equal(in_house(), 0);
}

static void where_nobody_tells_it_is_over_then(void **state)
{
    (void)state;
    pid_t child = lodge_until_killed();
    wait_until_in_house(1);
    usleep(10000);
    kill(child, SIGKILL);
    assert_int_equal(status_of(child), -SIGKILL);
    look_until_it_is_over(note_end);
    assert_int_equal(last_signal, 0);
    assert_int_equal(in_house(), 0);
}

static void what_another_program_has_is_no_error_of_its_end(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        struct span span;
        uint32_t place;
        take_request(&span, &place);
        lodging_note_exec(place, LODGING_HANDED_ON);
        _exit(0);
    }
    assert_int_equal(status_of(child), 0);
    lodging_note_signal(&host, (uint32_t)child, SIGKILL);
    lodging_look(&host, note_end);
    assert_int_equal(last_signal, LODGING_HANDED_ON);
}

static void take_and_end(uint64_t id)
{
    uint32_t place = lodging_take();
    if (place != 1)
        _exit(102);
    struct region_open *open = lodging_taken(place);
    atomic_store(&open->in_flight, id);
    region_take_open(open, id);
    atomic_store(&open->in_flight, 0);
    lodging_give_back(place);
}

static void expect_fate(uint32_t use, uint64_t id, enum lodging_fate fate)
{
    uint64_t found = atomic_load(&lodging_place(&host, 0)->in_flight);
    if (lodging_fate(&host, 0, use, id, found) != fate)
        _exit(110 + (int)fate);
}

/* A grandchild asks long after others have had the place. */
static void what_became_of_a_request_is_known_for_a_while(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        uint32_t place = lodging_take();
        uint32_t use = lodging_use(place);
        expect_fate(use, 70, LODGING_LEFT); /* nothing is in flight, and nothing was reported */
        lodging_give_back(place);
        take_and_end(71);
        expect_fate(use + 1, 71, LODGING_REPORTED);
        for (uint64_t id = 100; id < 100 + REGION_LODGER_PAST - 2; id++)
            take_and_end(id);
        expect_fate(use, 70, LODGING_LEFT);
        expect_fate(use + 1, 71, LODGING_REPORTED);
        take_and_end(7);
        expect_fate(use, 70, LODGING_UNKNOWN);
        expect_fate(use + 1, 71, LODGING_REPORTED);
        take_and_end(8);
        expect_fate(use + 1, 71, LODGING_UNKNOWN);
        _exit(0);
    }
    assert_int_equal(status_of(child), 0);
}

static void what_is_being_passed_on_is_reported(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        uint32_t place = lodging_take();
        uint32_t use = lodging_use(place);
        atomic_store(&lodging_taken(place)->in_flight, REGION_ENDING);
        expect_fate(use, 70, LODGING_REPORTED);
        lodging_give_back(place);
        (void)lodging_take();
        expect_fate(use, 70, LODGING_LEFT); /* that is another's */
        _exit(0);
    }
    assert_int_equal(status_of(child), 0);
}

static void it_is_over_once_nobody_writes(void **state)
{
    (void)state;
    pid_t child = lodge_until_killed();
    wait_until_in_house(1);
    host.header->lodgers[0].writing = 1;
    assert_false(lodging_end(&host));
    assert_false(lodging_is_offered(&host));
    host.header->lodgers[0].writing = 0; /* it is answering still */
    assert_true(lodging_end(&host));
    kill(child, SIGKILL);
    assert_int_equal(status_of(child), -SIGKILL);
}

static void it_is_not_opened_once_it_is_over(void **state)
{
    (void)state;
    atomic_store(&host.header->lodging, LODGING_NEVER);
    assert_true(lodging_end(&host));
    lodging_open(&host);
    assert_false(lodging_is_offered(&host));
}

static void a_process_that_came_later_is_another(void **state)
{
    (void)state;
    pid_t child = fork_lodger();
    if (child == 0) {
        wait_for_the_test();
        _exit(0);
    }
    struct region_lodger *lodger = &host.header->lodgers[0];
    lodger->pid = (uint32_t)child;
    lodger->since_ns = 1; /* when the machine started */
    look_until_it_is_over(no_end);
    assert_int_equal(lodger->pid, 0);
    end_wait();
    assert_int_equal(status_of(child), 0);
}

static void an_heir_reports_what_lodgers_left(void **state)
{
    (void)state;
    struct recovery recovery;
    struct span_process found;
    pid_t owner = fork();
    assert_true(owner >= 0);
    if (owner == 0) { /* makes a house of its own, and dies in it with its child */
        struct region_place place = in_directory(directory);
        if (!region_init(&host, 100, &place))
            _exit(1);
        lodging_open(&host);
        pid_t child = lodge_until_killed();
        while (!in_house() || !lodging_place(&host, 0) || !lodging_place(&host, 0)->in_flight)
            usleep(1000);
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        _exit(0);
    }
    assert_int_equal(status_of(owner), 0);
    recovery_init(directory, 0xfeed);
    assert_true(recovery_begin(&recovery));
    struct span_record *record = (struct span_record *)taken;
    assert_true(recovery_next_open(&recovery, record) > 0);
    assert_int_equal(record->span_id[0], 5);
    assert_true(span_find_process(record, &found));
    assert_memory_equal(&found, &said, sizeof said);
    struct slice type = span_find_string(record, ATTRIBUTE_ERROR_TYPE);
    assert_true(slice_equal(type, SLICE_LITERAL("process_ended")));
    assert_int_equal(recovery_next_open(&recovery, record), 0);
    recovery_settle(&recovery);
    recovery_end(&recovery, true);
}

int main(void)
{
#define HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, leave_house)
    const struct CMUnitTest tests[] = {
        HOUSE(a_child_leaves_a_span_that_says_whose_it_is),
        HOUSE(a_span_that_does_not_say_is_not_left),
        HOUSE(a_place_is_given_back),
        HOUSE(a_child_that_is_killed_is_told_of),
        HOUSE(one_that_was_being_passed_on_is_counted),
        HOUSE(nobody_comes_in_once_it_is_closed),
        HOUSE(how_a_child_ended_is_awaited),
        HOUSE(where_nobody_tells_it_is_over_then),
        HOUSE(what_another_program_has_is_no_error_of_its_end),
        HOUSE(what_became_of_a_request_is_known_for_a_while),
        HOUSE(what_is_being_passed_on_is_reported),
        HOUSE(it_is_over_once_nobody_writes),
        HOUSE(it_is_not_opened_once_it_is_over),
        HOUSE(there_are_so_many_places),
        HOUSE(a_child_that_goes_on_has_to_move_out),
        HOUSE(a_grandchild_does_not_lodge),
        HOUSE(another_user_does_not_lodge),
        HOUSE(who_quits_has_nothing_mapped),
        HOUSE(a_hold_keeps_it_mapped),
        HOUSE(who_became_another_program_keeps_nobody_waiting),
        HOUSE(who_came_before_the_machine_was_started_is_gone),
        HOUSE(an_heir_waits_for_those_who_live),
        HOUSE(a_file_that_nobody_lodged_in_stays_as_it_is),
        HOUSE(a_process_that_came_later_is_another),
        HOUSE(an_heir_reports_what_lodgers_left),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
