// SPDX-License-Identifier: Apache-2.0
/* What goes in comes out; and writers that are overtaken or interrupted. */
#include "tests/unit/queue/ring_seam.h"

/* ---- one thread ---- */

static void an_empty_ring_gives_nothing(void **state)
{
    (void)state;
    expect_nothing();
    assert_int_equal(ring_pending(ring), 0);
    assert_int_equal(ring_written(ring), 0);
    assert_false(ring_is_filling(ring));
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
    ring_set_limit(ring, 3);
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
    ring_set_limit(ring, 0);
    assert_true(put(1, 8));
    assert_false(put(2, 8));
    ring_set_limit(ring, UINT32_MAX);
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
    ring->cursor = place;
    for (uint64_t i = position; i < position + TINY; i++)
        atomic_store(&granule_at(ring, i)->word, free_word(ring, i));
    ring_set_limit(ring, TINY);
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
    assert_false(ring_is_filling(ring));
    assert_true(put(2, 8));
    assert_true(ring_is_filling(ring));
    expect(1, TINY / 2 * PAYLOAD_BYTES);
    assert_false(ring_is_filling(ring));
    ring_set_limit(ring, 3);
    assert_true(put(3, 8));
    assert_true(ring_is_filling(ring));
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

/* ---- a reader that ends before it has passed on what it read ---- */

static void peek_at(uint64_t mark, uint32_t length)
{
    assert_int_equal(ring_peek(ring, taken, sizeof taken), length);
    uint64_t first;
    memcpy(&first, taken, sizeof first);
    assert_int_equal(first, mark * 10000);
}

static bool adopt(void)
{
    return ring_adopt(ring, sizeof(struct ring) + TINY * GRANULE_BYTES);
}

static void what_was_peeked_at_keeps_its_place(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < TINY; i++)
        assert_true(put(i, 8));
    for (uint64_t i = 0; i < TINY; i++)
        peek_at(i, 8);
    assert_int_equal(ring_peek(ring, taken, sizeof taken), 0);
    assert_int_equal(ring_pending(ring), TINY);
    assert_int_equal(ring_written(ring), TINY);
    assert_false(put(100, 8));
    ring_release(ring);
    assert_int_equal(ring_pending(ring), 0);
    assert_int_equal(ring_written(ring), TINY);
    assert_true(put(100, 8));
    expect(100, 8);
}

static void the_next_reader_sees_what_was_not_released(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 5; i++)
        assert_true(put(i, 8));
    expect(0, 8);
    peek_at(1, 8);
    peek_at(2, 8);
    assert_true(adopt());
    for (uint64_t i = 1; i < 5; i++)
        expect(i, 8);
    expect_nothing();
}

static void a_release_cut_short_repeats_nothing_and_loses_nothing(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {8, 3 * PAYLOAD_BYTES, 8, 2 * PAYLOAD_BYTES};
    for (uint32_t freed = 0; freed <= 5; freed++) { /* granules of the first three records */
        make(TINY);
        for (uint64_t i = 0; i < 4; i++)
            assert_true(put(i, lengths[i]));
        for (uint64_t i = 0; i < 3; i++)
            peek_at(i, lengths[i]);
        free_run(ring, 0, freed);
        assert_true(adopt());
        if (freed < 1)
            expect(0, lengths[0]);
        if (freed < 2)
            expect(1, lengths[1]);
        if (freed < 5)
            expect(2, lengths[2]);
        expect(3, lengths[3]);
        expect_nothing();
    }
}

static void a_note_is_kept_for_records_that_were_seen(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 5; i++)
        assert_true(put(i, 8));
    for (uint64_t i = 0; i < 3; i++)
        peek_at(i, 8);
    ring_note(ring, 6);
    for (int heirs = 0; heirs < 2; heirs++) {
        assert_true(adopt());
        for (uint64_t i = 0; i < 5; i++) {
            assert_int_equal(ring_noted(ring), i < 3 ? 6 : 0);
            peek_at(i, 8);
        }
        assert_int_equal(ring_noted(ring), 0);
    }
    assert_true(adopt());
    expect(0, 8);
    assert_int_equal(ring_noted(ring), 6);
    ring_note(ring, 0);
    expect(1, 8);
    assert_int_equal(ring_noted(ring), 0);
}

static void a_note_of_records_that_were_released_is_none(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        assert_true(put(i, 8));
        assert_true(put(i, 8));
        assert_true(adopt());
        assert_int_equal(ring_noted(ring), 0);
        peek_at(i, 8);
        ring_note(ring, 1);
        peek_at(i, 8);
        ring_release(ring);
        assert_int_equal(ring_noted(ring), 0);
    }
}

static void a_note_of_what_nobody_wrote_is_none(void **state)
{
    (void)state;
    assert_true(put(0, 8));
    for (unsigned shift = RECORD_BITS; shift < 64; shift++) {
        atomic_store(&ring->noted, UINT64_C(3) << shift | 1);
        assert_int_equal(ring_noted(ring), 0);
    }
}

static void only_a_sound_ring_is_adopted(void **state)
{
    (void)state;
    assert_false(ring_adopt(ring, sizeof(struct ring) + (TINY - 1) * GRANULE_BYTES));
    ring->granules = 3;
    assert_false(adopt());
    make(TINY);
    ring->shift = 60;
    assert_false(adopt());
    make(TINY);
    atomic_store(&ring->tail, place_after(0, TINY + 1, 1));
    assert_false(adopt());
    make(TINY);
    atomic_store(&ring->tail, place_after(0, 1, 1));
    atomic_store(&ring->at[0].word, READY); /* of no length */
    assert_true(adopt());
    expect_nothing();
}

static void what_a_dead_writer_had_half_written_holds_up_nobody(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 4; i++)
        assert_true(put(i, 8));
    for (size_t i = 0; i < 3; i += 2) /* by a thread that may be alive: ids are used again */
        atomic_store(&ring->at[i].word, with_state(atomic_load(&ring->at[i].word), BUSY));
    assert_true(adopt());
    expect(1, 8);
    expect(3, 8);
    expect_nothing();
    assert_int_equal(ring_abandoned(ring), 2);
}

static void headers_that_lead_nowhere_are_not_followed(void **state)
{
    (void)state;
    static const enum state states[] = {RETIRED, RELEASED, READY, PAD, BUSY};
    for (uint64_t words = 1; words <= 3 * PAYLOAD_WORDS; words += PAYLOAD_WORDS)
        for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
            make(TINY);
            for (size_t at = 0; at < TINY; at++)
                atomic_store(&ring->at[at].word, words << LENGTH_SHIFT | states[i]);
            atomic_store(&ring->tail, place_after(0, TINY - 1, 1));
            atomic_store(&ring->head, place_after(0, TINY / 2, 0));
            assert_true(adopt());
            for (size_t records = 0; ring_peek(ring, taken, sizeof taken); records++)
                assert_true(records < TINY);
            ring_release(ring);
        }
}

static void memory_has_to_suffice_and_be_aligned(void **state)
{
    (void)state;
    assert_null(ring_init(memory, sizeof(struct ring) + GRANULE_BYTES - 1));
    assert_null(ring_init(memory + 8, sizeof memory - 64));
    assert_int_equal(ring_bytes(1), sizeof(struct ring) + 64);
    assert_int_equal(ring_bytes(168), sizeof(struct ring) + 256);
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
    for (size_t i = 0; i < TINY; i++)
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
        ON_TINY(what_was_peeked_at_keeps_its_place),
        ON_TINY(the_next_reader_sees_what_was_not_released),
        ON_TINY(a_release_cut_short_repeats_nothing_and_loses_nothing),
        ON_TINY(a_note_is_kept_for_records_that_were_seen),
        ON_TINY(a_note_of_records_that_were_released_is_none),
        ON_TINY(a_note_of_what_nobody_wrote_is_none),
        ON_TINY(only_a_sound_ring_is_adopted),
        ON_TINY(what_a_dead_writer_had_half_written_holds_up_nobody),
        ON_TINY(headers_that_lead_nowhere_are_not_followed),
        ON_LARGE(memory_has_to_suffice_and_be_aligned),
        ON_LARGE(fresh_memory_stays_untouched),
        ON_TINY(a_writer_that_slept_through_laps_starts_again),
        ON_TINY(an_outdated_tail_in_a_full_ring_is_full),
        ON_LARGE(a_signal_handler_writes_inside_a_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
