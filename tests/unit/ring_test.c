// SPDX-License-Identifier: Apache-2.0
/* The ring, compiled into the test so that a writer can be stopped at a chosen point and time
 * passes only when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum seam { SEAM_NOWHERE, SEAM_TAIL_READ, SEAM_CLAIMED, SEAM_COPYING, SEAM_COPIED };
static void reach(enum seam point);
static uint64_t test_now_ns = 1;

#define RING_SEAM(point) reach(SEAM_##point)
#define RING_NOW_NS()    test_now_ns
#include "agent/ring.c" // NOLINT(bugprone-suspicious-include)

/* What happens, once, when a writer reaches a point. */
static _Thread_local enum seam seam_at;
static _Thread_local void (*seam_do)(void);

static void reach(enum seam point)
{
    if (point != seam_at)
        return;
    seam_at = SEAM_NOWHERE;
    seam_do();
}

static void at_seam(enum seam point, void (*act)(void))
{
    seam_at = point;
    seam_do = act;
}

/* Granules of the rings below: the smallest that takes every record, and a tiny one. */
enum { LARGE = 512, TINY = 16 };

static _Alignas(64) unsigned char memory[sizeof(struct ring) + LARGE * GRANULE_BYTES];
static _Alignas(8) unsigned char taken[RING_RECORD_BYTES_MAX];
static struct ring *ring;

static void make(unsigned granules)
{
    memset(memory, 0, sizeof memory);
    ring = ring_init(memory, sizeof(struct ring) + granules * GRANULE_BYTES);
    assert_non_null(ring);
    test_now_ns = 1;
}

static int fresh_large_ring(void **state)
{
    (void)state;
    make(LARGE);
    return 0;
}

static int fresh_tiny_ring(void **state)
{
    (void)state;
    make(TINY);
    return 0;
}

/* A record whose every word tells which it is. */
static bool put(uint64_t mark, uint32_t length)
{
    uint64_t words[RING_RECORD_BYTES_MAX / 8];
    for (uint32_t i = 0; i < length / 8; i++)
        words[i] = mark * 10000 + i;
    return ring_write(ring, words, length);
}

static void expect(uint64_t mark, uint32_t length)
{
    assert_int_equal(ring_read(ring, taken, sizeof taken), length);
    uint64_t words[RING_RECORD_BYTES_MAX / 8];
    memcpy(words, taken, length);
    for (uint32_t i = 0; i < length / 8; i++)
        assert_int_equal(words[i], mark * 10000 + i);
}

static void expect_nothing(void)
{
    assert_int_equal(ring_read(ring, taken, sizeof taken), 0);
}

static void pass_ms(uint64_t ms)
{
    test_now_ns += ms * 1000000;
}

/* Visits every 100 ms until the reader goes on; more than enough of them. */
static void wait_for_the_reader_to_lose_patience(void)
{
    for (int i = 0; i < 20; i++) {
        uint64_t before = atomic_load(&ring->head);
        expect_nothing();
        if (atomic_load(&ring->head) != before)
            return;
        pass_ms(100);
    }
    fail_msg("the reader waits for ever");
}

/* ---- one thread ---- */

static void an_empty_ring_gives_nothing(void **state)
{
    (void)state;
    expect_nothing();
    assert_int_equal(ring_pending(ring), 0);
    assert_int_equal(ring_written(ring), 0);
    assert_false(ring_filling(ring));
}

static void records_come_out_in_order(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 5; i++)
        assert_true(put(i, 8 + 8 * (uint32_t)i));
    assert_int_equal(ring_pending(ring), 5);
    for (uint64_t i = 0; i < 5; i++)
        expect(i, 8 + 8 * (uint32_t)i);
    expect_nothing();
    assert_int_equal(ring_written(ring), 5);
    assert_int_equal(ring_abandoned(ring), 0);
}

static void every_length_passes_from_every_start(void **state)
{
    (void)state;
    /* The lengths take the head to all residues, and each wraps many times. */
    for (uint32_t length = 8; length <= RING_RECORD_BYTES_MAX; length += 8) {
        assert_true(put(length, length));
        assert_true(put(length + 1, 8));
        expect(length, length);
        expect(length + 1, 8);
    }
    for (uint32_t start = 0; start < LARGE; start++) {
        assert_true(put(start, 4000));
        assert_true(put(start, RING_RECORD_BYTES_MAX - 8 * start));
        expect(start, 4000);
        expect(start, RING_RECORD_BYTES_MAX - 8 * start);
        assert_true(put(start, 8));
        expect(start, 8);
    }
    expect_nothing();
}

static void a_wrong_length_is_refused(void **state)
{
    (void)state;
    uint64_t words[RING_RECORD_BYTES_MAX / 8 + 1] = {0};
    assert_false(ring_write(ring, words, 0));
    assert_false(ring_write(ring, words, 12));
    assert_false(ring_write(ring, words, sizeof words));
    assert_false(ring_write(ring, words, UINT32_MAX - 7));
    make(TINY);
    assert_false(put(1, TINY * PAYLOAD_BYTES + 8));
    assert_true(put(1, TINY * PAYLOAD_BYTES));
    expect(1, TINY * PAYLOAD_BYTES);
}

static void a_full_ring_refuses_and_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t lap = 0; lap < 5; lap++) {
        for (uint64_t i = 0; i < TINY; i++)
            assert_true(put(i, PAYLOAD_BYTES));
        assert_false(put(99, 8));
        assert_false(put(99, 8));
        expect(0, PAYLOAD_BYTES);
        assert_false(put(99, PAYLOAD_BYTES + 8));
        assert_true(put(99, PAYLOAD_BYTES));
        for (uint64_t i = 1; i < TINY; i++)
            expect(i, PAYLOAD_BYTES);
        expect(99, PAYLOAD_BYTES);
        expect_nothing();
        /* Start the next lap elsewhere. */
        assert_true(put(lap, 3 * PAYLOAD_BYTES));
        expect(lap, 3 * PAYLOAD_BYTES);
    }
}

static void the_limit_counts_records(void **state)
{
    (void)state;
    ring_limit(ring, 3);
    for (uint64_t i = 0; i < 1000; i++) {
        for (uint64_t j = 0; j < 3; j++)
            assert_true(put(j, 8));
        assert_false(put(3, 8));
        for (uint64_t j = 0; j < 3; j++)
            expect(j, 8);
    }
    assert_int_equal(ring_written(ring), 3000);
}

static void a_limit_out_of_range_is_brought_inside(void **state)
{
    (void)state;
    ring_limit(ring, 0);
    assert_true(put(1, 8));
    assert_false(put(2, 8));
    ring_limit(ring, UINT32_MAX);
    assert_true(put(2, 8));
}

static void counts_and_positions_come_round(void **state)
{
    (void)state;
    /* Just before both wrap: the position at 2^44, the record count at 2^20, laps included. */
    uint64_t position = POSITION_MASK - 2 * TINY + 1;
    uint64_t place = position << RECORD_BITS | (RECORD_MASK - 20);
    atomic_store(&ring->tail, place);
    atomic_store(&ring->head, place);
    for (uint64_t i = position; i < position + TINY; i++)
        atomic_store(&granule_at(ring, i)->word, free_word(ring, i));
    ring_limit(ring, TINY);
    for (uint64_t i = 0; i < 100; i++) {
        assert_true(put(i, 5 * PAYLOAD_BYTES));
        assert_true(put(i, 8));
        assert_int_equal(ring_pending(ring), 2);
        expect(i, 5 * PAYLOAD_BYTES);
        expect(i, 8);
        expect_nothing();
    }
    for (uint64_t i = 0; i < TINY; i++)
        assert_true(put(i, 8));
    assert_false(put(TINY, 8));
}

static void more_than_half_is_filling(void **state)
{
    (void)state;
    assert_true(put(1, TINY / 2 * PAYLOAD_BYTES));
    assert_false(ring_filling(ring));
    assert_true(put(2, 8));
    assert_true(ring_filling(ring));
    expect(1, TINY / 2 * PAYLOAD_BYTES);
    assert_false(ring_filling(ring));
    ring_limit(ring, 3);
    assert_true(put(3, 8));
    assert_true(ring_filling(ring));
}

static void a_record_too_long_for_the_reader_is_counted(void **state)
{
    (void)state;
    assert_true(put(1, 64));
    assert_true(put(2, 8));
    assert_int_equal(ring_read(ring, taken, 56), 8);
    assert_int_equal(ring_abandoned(ring), 1);
    assert_int_equal(ring_written(ring), 1);
}

static void memory_has_to_suffice_and_be_aligned(void **state)
{
    (void)state;
    assert_null(ring_init(memory, sizeof(struct ring) + GRANULE_BYTES - 1));
    assert_null(ring_init(memory + 8, sizeof memory - 64));
    assert_int_equal(ring_bytes(1), sizeof(struct ring) + 64);
    assert_int_equal(ring_bytes(3 * 56), sizeof(struct ring) + 4 * 64);
    assert_int_equal(ring->granules, LARGE);
}

static void fresh_memory_stays_untouched(void **state)
{
    (void)state;
    for (size_t i = sizeof(struct ring); i < sizeof memory; i++)
        assert_int_equal(memory[i], 0);
}

/* ---- a writer that is overtaken ---- */

static void two_laps_go_by(void)
{
    for (uint64_t i = 0; i < 2 * TINY; i++) {
        assert_true(put(i, PAYLOAD_BYTES));
        expect(i, PAYLOAD_BYTES);
    }
    /* And the place that the sleeper looks at becomes the inside of a record. */
    assert_true(put(50, 3 * PAYLOAD_BYTES));
    assert_true(put(51, 13 * PAYLOAD_BYTES));
    expect(50, 3 * PAYLOAD_BYTES);
}

static void a_writer_that_slept_through_laps_starts_again(void **state)
{
    (void)state;
    assert_true(put(1, 5 * PAYLOAD_BYTES)); /* the sleeper sees the tail at 5 */
    expect(1, 5 * PAYLOAD_BYTES);
    at_seam(SEAM_TAIL_READ, two_laps_go_by);
    assert_true(put(60, 2 * PAYLOAD_BYTES));
    expect(51, 13 * PAYLOAD_BYTES);
    expect(60, 2 * PAYLOAD_BYTES);
    expect_nothing();
}

static void fill_up(void)
{
    while (put(7, PAYLOAD_BYTES))
        ;
}

static void an_outdated_tail_in_a_full_ring_is_full(void **state)
{
    (void)state;
    at_seam(SEAM_TAIL_READ, fill_up);
    assert_false(put(1, 8));
    for (int i = 0; i < TINY; i++)
        expect(7, PAYLOAD_BYTES);
    expect_nothing();
}

static void interrupt(void)
{
    assert_true(put(2, 100 * 8));
    assert_true(put(3, 8));
}

static void a_signal_handler_writes_inside_a_write(void **state)
{
    (void)state;
    static const enum seam points[] = {SEAM_TAIL_READ, SEAM_CLAIMED, SEAM_COPYING, SEAM_COPIED};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        at_seam(points[i], interrupt);
        assert_true(put(1, 30 * 8));
        if (points[i] != SEAM_TAIL_READ)
            expect(1, 30 * 8);
        expect(2, 100 * 8);
        expect(3, 8);
        if (points[i] == SEAM_TAIL_READ)
            expect(1, 30 * 8);
        expect_nothing();
    }
}

/* ---- a writer that does not come back ---- */

static jmp_buf away;

static void jump_away(void)
{
    longjmp(away, 1);
}

/* Leaves a record busy that this thread, which lives on, never finishes. */
static void leave_busy(enum seam point, uint32_t length)
{
    at_seam(point, jump_away);
    if (setjmp(away) == 0) {
        put(1000, length);
        fail_msg("the seam was not reached");
    }
}

static void a_writer_that_jumped_away_blocks_for_a_second(void **state)
{
    (void)state;
    leave_busy(SEAM_COPYING, 3 * PAYLOAD_BYTES);
    assert_true(put(1, 8));
    for (int i = 0; i < 10; i++) {
        expect_nothing();
        pass_ms(99);
    }
    assert_int_equal(ring_abandoned(ring), 0);
    pass_ms(10);
    expect(1, 8);
    assert_int_equal(ring_abandoned(ring), 1);
    assert_int_equal(ring_written(ring), 1);
    assert_int_equal(ring_pending(ring), 0);
}

static void a_stopped_process_does_not_use_up_patience(void **state)
{
    (void)state;
    leave_busy(SEAM_CLAIMED, 8);
    expect_nothing();
    pass_ms(3600000);
    for (int i = 0; i < 100; i++) /* visits in one moment count as one */
        expect_nothing();
    assert_int_equal(ring_abandoned(ring), 0);
    for (int i = 0; i < 8; i++) {
        pass_ms(10);
        expect_nothing();
    }
    assert_int_equal(ring_abandoned(ring), 1);
}

static void patience_starts_anew_for_each_record(void **state)
{
    (void)state;
    leave_busy(SEAM_CLAIMED, 8);
    leave_busy(SEAM_COPIED, 8);
    wait_for_the_reader_to_lose_patience();
    assert_int_equal(ring_abandoned(ring), 1);
    expect_nothing();
    pass_ms(500);
    expect_nothing();
    assert_int_equal(ring_abandoned(ring), 1);
    wait_for_the_reader_to_lose_patience();
    assert_int_equal(ring_abandoned(ring), 2);
}

static void a_record_left_at_the_claim_moves_the_tail(void **state)
{
    (void)state;
    leave_busy(SEAM_CLAIMED, 3 * PAYLOAD_BYTES); /* the tail still stands before it */
    wait_for_the_reader_to_lose_patience();
    assert_int_equal(ring_pending(ring), 0);
    assert_true(put(1, 8));
    expect(1, 8);
}

/* ---- the hole it leaves ---- */

static void the_memory_of_a_retired_record_is_left_out(void **state)
{
    (void)state;
    assert_true(put(1, 4 * PAYLOAD_BYTES));
    leave_busy(SEAM_COPYING, 2 * PAYLOAD_BYTES); /* granules 4 and 5 */
    expect(1, 4 * PAYLOAD_BYTES);
    wait_for_the_reader_to_lose_patience();
    unsigned char before[2 * GRANULE_BYTES];
    memcpy(before, granule_at(ring, 4), sizeof before);
    for (uint64_t i = 0; i < 300; i++) {
        uint32_t length = 8 + 8 * (uint32_t)(i % 35);
        assert_true(put(i, length));
        expect(i, length);
        assert_memory_equal(before, granule_at(ring, 4), sizeof before);
    }
    expect_nothing();
    assert_int_equal(ring_pending(ring), 0);
    assert_int_equal(ring_abandoned(ring), 1);
}

static void a_hole_takes_no_more_than_its_place(void **state)
{
    (void)state;
    leave_busy(SEAM_COPYING, 2 * PAYLOAD_BYTES);
    wait_for_the_reader_to_lose_patience();
    for (int lap = 0; lap < 4; lap++) {
        for (uint64_t i = 0; i < TINY - 2; i++)
            assert_true(put(i, PAYLOAD_BYTES));
        assert_false(put(99, 8));
        for (uint64_t i = 0; i < TINY - 2; i++)
            expect(i, PAYLOAD_BYTES);
        expect_nothing();
    }
}

static void a_hole_is_used_again_after_a_minute(void **state)
{
    (void)state;
    leave_busy(SEAM_COPYING, 2 * PAYLOAD_BYTES);
    wait_for_the_reader_to_lose_patience();
    pass_ms(61000);
    for (uint64_t i = 0; i < 2 * TINY; i++) {
        assert_true(put(i, PAYLOAD_BYTES));
        expect(i, PAYLOAD_BYTES);
    }
    for (uint64_t i = 0; i < TINY; i++)
        assert_true(put(i, PAYLOAD_BYTES));
    assert_false(put(99, 8));
}

/* The reader loses patience while this writer sleeps, and the ring goes round. */
static void oversleep(void)
{
    wait_for_the_reader_to_lose_patience();
    for (uint64_t i = 0; i < 3 * TINY; i++) {
        assert_true(put(i, PAYLOAD_BYTES));
        expect(i, PAYLOAD_BYTES);
    }
    for (uint64_t i = 0; i < TINY - 2; i++)
        assert_true(put(i, PAYLOAD_BYTES));
    assert_false(put(99, 8));
}

static void a_late_copy_spoils_nothing_and_gives_its_place_back(void **state)
{
    (void)state;
    static const enum seam points[] = {SEAM_CLAIMED, SEAM_COPYING, SEAM_COPIED};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        make(TINY);
        at_seam(points[i], oversleep);
        assert_true(put(1000, 2 * PAYLOAD_BYTES)); /* accounted for: as abandoned */
        for (uint64_t j = 0; j < TINY - 2; j++)
            expect(j, PAYLOAD_BYTES);
        assert_int_equal(ring_abandoned(ring), 1);
        for (uint64_t j = 0; j < 2 * TINY; j++) {
            assert_true(put(j, PAYLOAD_BYTES));
            expect(j, PAYLOAD_BYTES);
        }
        for (uint64_t j = 0; j < TINY; j++)
            assert_true(put(j, PAYLOAD_BYTES));
        assert_false(put(99, 8));
    }
}

static void an_empty_ring_of_holes_stays_usable(void **state)
{
    (void)state;
    /* All but one granule are left behind by writers that live on. */
    for (int i = 0; i < 5; i++) {
        leave_busy(SEAM_CLAIMED, 3 * PAYLOAD_BYTES);
        wait_for_the_reader_to_lose_patience();
    }
    for (uint64_t i = 0; i < 40; i++) {
        assert_true(put(i, 8));
        expect(i, 8);
        assert_false(put(i, 2 * PAYLOAD_BYTES));
        expect_nothing();
    }
    assert_int_equal(ring_abandoned(ring), 5);
}

/* ---- a writer that dies ---- */

static void end_thread(void)
{
    pthread_exit(NULL);
}

static void *write_and_end(void *unused)
{
    (void)unused;
    put(1, 40);
    at_seam(SEAM_COPYING, end_thread);
    put(2, 5 * PAYLOAD_BYTES);
    return unused;
}

static void cancel_self(void)
{
    pthread_cancel(pthread_self());
    pthread_testcancel();
}

static void *write_and_be_cancelled(void *unused)
{
    (void)unused;
    put(1, 40);
    at_seam(SEAM_CLAIMED, cancel_self);
    put(2, 5 * PAYLOAD_BYTES);
    return unused;
}

static void the_record_of_a_dead_thread_is_retired_at_once(void **state)
{
    (void)state;
    static void *(*const deaths[])(void *) = {write_and_end, write_and_be_cancelled};
    for (size_t i = 0; i < 2; i++) {
        make(TINY);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, deaths[i], NULL), 0);
        pthread_join(thread, NULL);
        assert_true(put(3, 8));
        expect(1, 40);
        expect_nothing();
        pass_ms(100); /* its thread is asked for, and is gone */
        expect(3, 8);
        assert_int_equal(ring_abandoned(ring), 1);
        /* No hole: nobody can write there. */
        for (uint64_t j = 0; j < TINY; j++)
            assert_true(put(j, PAYLOAD_BYTES));
    }
}

static void kill_self(void)
{
    raise(SIGKILL);
}

static void the_record_of_a_killed_process_is_retired(void **state)
{
    (void)state;
    size_t bytes = ring_bytes(TINY * PAYLOAD_BYTES);
    for (int reaped = 0; reaped < 2; reaped++) {
        void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(shared != MAP_FAILED);
        ring = ring_init(shared, bytes);
        assert_non_null(ring);
        assert_true(put(1, 8)); /* caches our thread's id, which the child must not use */
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            ring_thread_reset();
            put(2, 2 * PAYLOAD_BYTES);
            put(3, 2 * PAYLOAD_BYTES);
            at_seam(SEAM_COPYING, kill_self);
            put(4, 3 * PAYLOAD_BYTES);
            _exit(1);
        }
        siginfo_t end;
        assert_int_equal(waitid(P_PID, (id_t)child, &end, WEXITED | (reaped ? 0 : WNOWAIT)), 0);
        assert_int_equal(end.si_status, SIGKILL);

        assert_true(put(5, 8));
        expect(1, 8);
        expect(2, 2 * PAYLOAD_BYTES);
        expect(3, 2 * PAYLOAD_BYTES);
        expect_nothing();
        pass_ms(100);
        if (!reaped) { /* a zombie still has its id, so that patience decides */
            expect_nothing();
            assert_int_equal(ring_abandoned(ring), 0);
            for (int i = 0; i < 8; i++) {
                pass_ms(100);
                expect_nothing();
            }
            pass_ms(100);
        }
        expect(5, 8);
        expect_nothing();
        assert_int_equal(ring_abandoned(ring), 1);
        assert_int_equal(ring_written(ring), 4);
        if (!reaped)
            waitpid(child, NULL, 0);
        munmap(shared, bytes);
    }
}

static void errno_is_kept_when_a_thread_is_gone(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_and_end, NULL), 0);
    pthread_join(thread, NULL);
    expect(1, 40);
    expect_nothing();
    pass_ms(100);
    errno = 77;
    expect_nothing();
    assert_int_equal(errno, 77);
    assert_int_equal(ring_abandoned(ring), 1);
}

#define ON_LARGE(test) cmocka_unit_test_setup(test, fresh_large_ring)
#define ON_TINY(test)  cmocka_unit_test_setup(test, fresh_tiny_ring)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_LARGE(an_empty_ring_gives_nothing),
        ON_LARGE(records_come_out_in_order),
        ON_LARGE(every_length_passes_from_every_start),
        ON_LARGE(a_wrong_length_is_refused),
        ON_TINY(a_full_ring_refuses_and_loses_nothing),
        ON_LARGE(the_limit_counts_records),
        ON_LARGE(a_limit_out_of_range_is_brought_inside),
        ON_TINY(counts_and_positions_come_round),
        ON_TINY(more_than_half_is_filling),
        ON_TINY(a_record_too_long_for_the_reader_is_counted),
        ON_LARGE(memory_has_to_suffice_and_be_aligned),
        ON_LARGE(fresh_memory_stays_untouched),
        ON_TINY(a_writer_that_slept_through_laps_starts_again),
        ON_TINY(an_outdated_tail_in_a_full_ring_is_full),
        ON_LARGE(a_signal_handler_writes_inside_a_write),
        ON_TINY(a_writer_that_jumped_away_blocks_for_a_second),
        ON_TINY(a_stopped_process_does_not_use_up_patience),
        ON_TINY(patience_starts_anew_for_each_record),
        ON_TINY(a_record_left_at_the_claim_moves_the_tail),
        ON_TINY(the_memory_of_a_retired_record_is_left_out),
        ON_TINY(a_hole_takes_no_more_than_its_place),
        ON_TINY(a_hole_is_used_again_after_a_minute),
        ON_TINY(a_late_copy_spoils_nothing_and_gives_its_place_back),
        ON_TINY(an_empty_ring_of_holes_stays_usable),
        ON_TINY(the_record_of_a_dead_thread_is_retired_at_once),
        ON_TINY(the_record_of_a_killed_process_is_retired),
        ON_TINY(errno_is_kept_when_a_thread_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
