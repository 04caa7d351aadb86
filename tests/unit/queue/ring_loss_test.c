// SPDX-License-Identifier: Apache-2.0
/* Writers that never finish a record, or far too late. */
#include "tests/unit/queue/ring_seam.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

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
    assert_false(ring_is_stalled(ring));
    for (int i = 0; i < 10; i++) {
        expect_nothing();
        assert_true(ring_is_stalled(ring));
        pass_ms(99);
    }
    assert_int_equal(ring_abandoned(ring), 0);
    pass_ms(10);
    expect(1, 8);
    assert_false(ring_is_stalled(ring));
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

/* The hole is at 0 and 1; the reader stands before it, and the ring is full up to it. */
static void oversleep_until_the_ring_is_full_up_to_the_hole(void)
{
    wait_for_the_reader_to_lose_patience();
    for (uint64_t i = 0; i < TINY - 2; i++) {
        assert_true(put(i, PAYLOAD_BYTES));
        expect(i, PAYLOAD_BYTES);
    }
    for (uint64_t i = 0; i < TINY - 2; i++)
        assert_true(put(i, PAYLOAD_BYTES));
    assert_false(put(99, 8));
}

static void the_tail_does_not_overtake_the_reader_through_a_hole(void **state)
{
    (void)state;
    at_seam(SEAM_CLAIMED, oversleep_until_the_ring_is_full_up_to_the_hole);
    assert_true(put(1000, 2 * PAYLOAD_BYTES));
    for (uint64_t i = 0; i < TINY - 2; i++)
        expect(i, PAYLOAD_BYTES);
    assert_true(put(1, 8));
    expect(1, 8);
}

static void let_the_reader_release(void)
{
    ring_release(ring);
}

/* The ring is full up to the hole at 0 and 1, which a writer finds there just before the reader,
 * going on, gives it back. */
static void a_hole_that_is_given_back_as_a_writer_finds_it_is_not_passed(void **state)
{
    (void)state;
    leave_busy(SEAM_COPYING, 2 * PAYLOAD_BYTES);
    for (uint64_t i = 0; i < TINY - 2; i++)
        assert_true(put(i, PAYLOAD_BYTES));
    for (int i = 0; i < 20 && !ring_abandoned(ring); i++) {
        pass_ms(100);
        ring_peek(ring, taken, sizeof taken);
    }
    pass_ms(61000);
    at_seam(SEAM_HOLE_SEEN, let_the_reader_release);
    assert_true(put(50, 2 * PAYLOAD_BYTES));
    for (uint64_t i = 1; i < TINY - 2; i++)
        expect(i, PAYLOAD_BYTES);
    expect(50, 2 * PAYLOAD_BYTES);
    expect_nothing();
    assert_int_equal(ring_pending(ring), 0);
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

/* pthread_join() returns when a thread has done its work; the kernel may know it for a moment
 * longer. At most ten seconds. */
static void await_last_thread(void)
{
    for (int i = 0; i < 10000; i++) {
        struct stat tasks; /* links: `.`, `..` and one a thread */
        if (stat("/proc/self/task", &tasks) != 0 || tasks.st_nlink <= 3)
            return;
        usleep(1000);
    }
}

static void *write_and_end(void *unused)
{
    (void)unused;
    put(1, 40);
    at_seam(SEAM_COPYING, end_thread);
    put(2, 5 * PAYLOAD_BYTES);
    return unused;
}

/* AddressSanitizer clears a stack that is left when it sees a call that does not return, such as
 * pthread_exit; pthread_testcancel looks to it as if it did. */
void __asan_handle_no_return(void) __attribute__((weak));

static void cancel_self(void)
{
    if (__asan_handle_no_return)
        __asan_handle_no_return();
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
        await_last_thread();
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
    await_last_thread();
    expect(1, 40);
    expect_nothing();
    pass_ms(100);
    errno = 77;
    expect_nothing();
    assert_int_equal(errno, 77);
    assert_int_equal(ring_abandoned(ring), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_TINY(a_writer_that_jumped_away_blocks_for_a_second),
        ON_TINY(a_stopped_process_does_not_use_up_patience),
        ON_TINY(patience_starts_anew_for_each_record),
        ON_TINY(a_record_left_at_the_claim_moves_the_tail),
        ON_TINY(the_memory_of_a_retired_record_is_left_out),
        ON_TINY(a_hole_takes_no_more_than_its_place),
        ON_TINY(a_hole_is_used_again_after_a_minute),
        ON_TINY(a_late_copy_spoils_nothing_and_gives_its_place_back),
        ON_TINY(the_tail_does_not_overtake_the_reader_through_a_hole),
        ON_TINY(a_hole_that_is_given_back_as_a_writer_finds_it_is_not_passed),
        ON_TINY(an_empty_ring_of_holes_stays_usable),
        ON_TINY(the_record_of_a_dead_thread_is_retired_at_once),
        ON_TINY(the_record_of_a_killed_process_is_retired),
        ON_TINY(errno_is_kept_when_a_thread_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
