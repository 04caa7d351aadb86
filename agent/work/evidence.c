// SPDX-License-Identifier: Apache-2.0
#include "agent/work/evidence.h"

#include <string.h>

#include "agent/work/context.h"

#define LOOPS 255 /* counted at a time; beyond, a loop is told nothing */

/* What a loop owes, two numbers in a word: one addition counts a request that came whole. */
#define OWED_ONE   UINT64_C(1)         /* all that are not over */
#define OWED_WHOLE (UINT64_C(1) << 32) /* those of them with READING_WHOLE */
#define OWED_MASK  (OWED_WHOLE - 1)

/* Never moved from one thread to another while anything is counted in it: readings name it. */
static struct loop {
    _Alignas(64) _Atomic uint64_t owed;
    _Atomic int32_t thread; /* kernel id; 0: free */
    _Atomic bool interleaves;
} loops[LOOPS + 1]; /* by number, from 1; the last one is for all that are not counted */

/* What was read in a turn of a loop. */
enum {
    CROWDED_SEVERAL = 1, /* requests of several connections */
    CROWDED_UNKNOWN = 2  /* bytes that are not understood */
};

#define ONE_TURN (UINT64_C(1) << 32)

static _Atomic bool hands_over;
static _Atomic bool works_on;
static _Atomic uint32_t threads; /* numbers given so far */

static __thread struct {
    uint64_t now;    /* waits as a loop in the upper half, calls in the lower */
    uint32_t number; /* 0: not given yet */
    /* How many of its own with READING_OWN it has neither answered nor ended. One that another
     * thread ends stays counted: what follows from that is on the safe side. */
    uint32_t unanswered;
    uint8_t loop;    /* 0: none */
    bool has_read;   /* of a request, since the last wait */
    uint8_t crowded; /* CROWDED_*, likewise */
    bool defers;
    bool answers_at_once; /* it has, after a call, before it waited */
} tl_shown;

__attribute__((cold, noinline)) static uint32_t number_thread(void)
{
    do
        tl_shown.number = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed);
    while (!tl_shown.number);
    return tl_shown.number;
}

uint32_t evidence_thread(void)
{
    return tl_shown.number ? tl_shown.number : number_thread();
}

static struct loop *own_loop(void)
{
    return &loops[tl_shown.loop];
}

static bool take_place(struct loop *loop)
{
    int32_t before = atomic_load_explicit(&loop->thread, memory_order_relaxed);
    if (before && (atomic_load_explicit(&loop->owed, memory_order_relaxed) ||
                   !context_thread_has_ended(before)))
        return false;
    if (!atomic_compare_exchange_strong_explicit(&loop->thread, &before, context_thread_id(),
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    atomic_store_explicit(&loop->interleaves, false, memory_order_relaxed);
    return true;
}

__attribute__((cold, noinline)) static void become_loop(void)
{
    for (uint8_t i = 1; i < LOOPS && !tl_shown.loop; i++)
        if (!atomic_load_explicit(&loops[i].thread, memory_order_relaxed) && take_place(&loops[i]))
            tl_shown.loop = i;
    for (uint8_t i = 1; i < LOOPS && !tl_shown.loop; i++)
        if (take_place(&loops[i]))
            tl_shown.loop = i;
    if (tl_shown.loop)
        return;
    tl_shown.loop = LOOPS;
    evidence_interleaves();
}

void evidence_waited(void)
{
    tl_shown.now += ONE_TURN;
    tl_shown.has_read = false;
    tl_shown.crowded = 0;
    if (!tl_shown.loop) {
        become_loop();
        return;
    }
    tl_shown.defers |= tl_shown.unanswered != 0;
}

bool evidence_is_loop(void)
{
    return tl_shown.loop != 0;
}

bool evidence_handles_in_order(void)
{
    return tl_shown.answers_at_once && !tl_shown.defers;
}

void evidence_interleaves(void)
{
    atomic_store_explicit(&own_loop()->interleaves, true, memory_order_relaxed);
}

void evidence_hands_over(void)
{
    if (!atomic_load_explicit(&hands_over, memory_order_relaxed))
        atomic_store_explicit(&hands_over, true, memory_order_relaxed);
}

void evidence_changes_connection(void)
{
    tl_shown.crowded |= tl_shown.has_read * CROWDED_SEVERAL;
}

void evidence_read(void)
{
    tl_shown.has_read = true;
}

void evidence_read_unknown(void)
{
    tl_shown.crowded |= CROWDED_UNKNOWN;
}

void evidence_works_on(void)
{
    atomic_store_explicit(&works_on, true, memory_order_relaxed);
}

bool evidence_ends_with_answers(void)
{
    return !atomic_load_explicit(&works_on, memory_order_relaxed);
}

void evidence_begins_call(void)
{
    tl_shown.now++;
    if (tl_shown.loop && !tl_shown.has_read)
        evidence_interleaves();
}

/* May this turn of a loop be for something else than what was read of a request last? */
static bool is_crowded(void)
{
    return tl_shown.loop && tl_shown.crowded & (tl_shown.defers ? CROWDED_SEVERAL | CROWDED_UNKNOWN
                                                                : CROWDED_UNKNOWN);
}

bool evidence_tells(void)
{
    return !atomic_load_explicit(&hands_over, memory_order_relaxed) &&
           !atomic_load_explicit(&own_loop()->interleaves, memory_order_relaxed) && !is_crowded();
}

uint32_t evidence_count_owed(void)
{
    if (!tl_shown.loop)
        return 0;
    uint64_t owed = atomic_load_explicit(&own_loop()->owed, memory_order_relaxed);
    return (uint32_t)(tl_shown.defers ? owed & OWED_MASK : owed / OWED_WHOLE);
}

bool evidence_is_owed(const struct reading *reading)
{
    uint32_t state = atomic_load_explicit(&reading->state, memory_order_relaxed);
    return state >> READING_LOOP == tl_shown.loop && (tl_shown.defers || state & READING_WHOLE);
}

static uint64_t weight(uint32_t state)
{
    return OWED_ONE + (state & READING_WHOLE) * OWED_WHOLE;
}

bool evidence_owes_nothing_else(const struct reading *reading)
{
    if (!tl_shown.loop)
        return true;
    uint32_t state = atomic_load_explicit(&reading->state, memory_order_relaxed);
    uint32_t all = (uint32_t)atomic_load_explicit(&own_loop()->owed, memory_order_relaxed);
    if (all == 1 && state >> READING_LOOP == tl_shown.loop)
        return true; /* most often: nothing but this is open */
    uint32_t owed = evidence_count_owed();
    return !owed || owed == evidence_is_owed(reading);
}

static void count(uint32_t state, uint64_t more)
{
    atomic_fetch_add_explicit(&loops[state >> READING_LOOP].owed, more, memory_order_relaxed);
}

static void note_whole(struct reading *reading)
{
    atomic_store_explicit(&reading->since, tl_shown.now, memory_order_relaxed);
}

void reading_begin(struct reading *reading, bool whole)
{
    uint32_t state = (uint32_t)tl_shown.loop << READING_LOOP;
    reading->thread = evidence_thread();
    if (state) {
        state |= whole * (uint32_t)(READING_WHOLE | READING_OWN);
        tl_shown.unanswered += whole;
        count(state, weight(state));
        note_whole(reading);
    }
    atomic_store_explicit(&reading->answered, false, memory_order_relaxed);
    atomic_store_explicit(&reading->state, state, memory_order_relaxed);
}

/* Counted before it is said, so that who ends it meanwhile does not count it off too early; and
 * counted back where that one was faster. */
static void add(struct reading *reading, uint32_t bits)
{
    uint32_t before = atomic_load_explicit(&reading->state, memory_order_relaxed);
    bool more = !(before & READING_WHOLE);
    if (!(before >> READING_LOOP) || (before | bits) == before)
        return;
    bool own = more && reading->thread == tl_shown.number && !reading_is_answered(reading);
    if (own)
        bits |= READING_OWN;
    if (more)
        count(before, OWED_WHOLE);
    if (atomic_compare_exchange_strong_explicit(&reading->state, &before, before | bits,
                                                memory_order_relaxed, memory_order_relaxed))
        tl_shown.unanswered += own;
    else if (more)
        count((uint32_t)tl_shown.loop << READING_LOOP, -OWED_WHOLE);
}

void reading_whole(struct reading *reading)
{
    if (!tl_shown.loop)
        return;
    note_whole(reading);
    add(reading, READING_WHOLE);
}

void reading_called(struct reading *reading)
{
    add(reading, READING_WHOLE | READING_CALLED);
}

static bool is_this_turn(uint64_t since)
{
    return (since ^ tl_shown.now) < ONE_TURN;
}

/* No more one of those that this thread has left without an answer. */
static void settle(const struct reading *reading, uint32_t state)
{
    if (state & READING_OWN && reading->thread == tl_shown.number)
        tl_shown.unanswered--;
}

void reading_answered(struct reading *reading)
{
    uint32_t state = atomic_load_explicit(&reading->state, memory_order_relaxed);
    uint64_t since = atomic_load_explicit(&reading->since, memory_order_relaxed);
    atomic_store_explicit(&reading->answered, true, memory_order_relaxed);
    if (reading->thread != evidence_thread())
        evidence_hands_over();
    else if (state >> READING_LOOP && since != tl_shown.now && is_this_turn(since))
        tl_shown.answers_at_once = true;
    settle(reading, state);
}

/* It was closed without an answer. What was left for later, or begun to be handled, goes on
 * perhaps: what handles it need not know. */
__attribute__((cold, noinline)) static void end_unanswered(const struct reading *reading,
                                                           uint32_t state, bool abandoned)
{
    settle(reading, state);
    if (!abandoned || !(state & READING_WHOLE))
        return;
    uint64_t since = atomic_load_explicit(&reading->since, memory_order_relaxed);
    if (state & READING_CALLED || state >> READING_LOOP != tl_shown.loop || !is_this_turn(since))
        atomic_store_explicit(&loops[state >> READING_LOOP].interleaves, true,
                              memory_order_relaxed);
}

void reading_end(struct reading *reading, bool abandoned)
{
    uint32_t state = atomic_load_explicit(&reading->state, memory_order_relaxed);
    if (!(state >> READING_LOOP))
        return;
    state = atomic_exchange_explicit(&reading->state, 0, memory_order_relaxed);
    count(state, -weight(state));
    if (!reading_is_answered(reading))
        end_unanswered(reading, state, abandoned);
}

void evidence_forked(void)
{
    /* The forked thread is the only one in the child; what other loops owe may end here, too. */
    tl_shown.has_read = false;
    tl_shown.answers_at_once = false;
    if (!tl_shown.loop || tl_shown.loop == LOOPS)
        return;
    atomic_store_explicit(&own_loop()->thread, context_thread_id(), memory_order_relaxed);
    /* A master's own calls between its forks say nothing of its children. */
    atomic_store_explicit(&own_loop()->interleaves, false, memory_order_relaxed);
}

void evidence_reset(void)
{
    struct loop *loop = own_loop();
    atomic_store_explicit(&loop->interleaves, false, memory_order_relaxed);
    atomic_store_explicit(&loop->thread, 0, memory_order_relaxed);
    atomic_store_explicit(&hands_over, false, memory_order_relaxed);
    atomic_store_explicit(&works_on, false, memory_order_relaxed);
    uint32_t number = tl_shown.number;
    memset(&tl_shown, 0, sizeof tl_shown);
    tl_shown.number = number;
}
