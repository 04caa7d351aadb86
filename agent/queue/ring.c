// SPDX-License-Identifier: Apache-2.0
/* The ring is an array of granules, 64 bytes each: a control word and 56 bytes of payload. A
 * record fills a run of granules; the control word of the first one is its header. Positions are
 * counted in granules and never go back (44 bits: at 100 MB/s they come round in four months,
 * and being compared for equality and difference only, they may).
 *
 * Control words (ring_memory.h) are only ever changed by compare-and-swap or by the reader, never
 * by a copy, so a writer that copies too late can spoil payload but never structure. Nor does it
 * spoil payload: the run of a retired record is a hole that the following laps leave out until its
 * writer is known to be done with it.
 *
 * The tail is only a hint that any thread may correct: whoever finds a header at the tail moves
 * the tail past it. So no writer ever waits for another, nor for one it interrupted. Tail and head
 * also count records in their low 20 bits; being moved together with the position, that count
 * can't leak when a writer dies. */
#include "agent/queue/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/os.h"
#include "agent/queue/ring_memory.h"

/* Tests include this file and define these, to stop a writer at a point and to hold the clock. */
#ifndef RING_SEAM
#define RING_SEAM(point) ((void)0)
#endif
#ifndef RING_NOW_NS
#define RING_NOW_NS() clock_monotonic_ns()
#endif

_Static_assert((RING_RECORD_BYTES_MAX / 8 + PAYLOAD_WORDS) <= LENGTH_MASK, "lengths fit");
_Static_assert(RING_RECORDS_MAX >> RECORD_BITS == 0, "a full ring and an empty one differ");

#define TRIES           256u        /* each lost one means that another writer got on */
#define PATIENCE_NS     1000000000u /* how long a record may stay busy ... */
#define PATIENCE_VISITS 10u         /* ... and how often it must be found so: a stopped process */
#define VISIT_NS        10000000u   /* that goes on has not used up its patience while stopped */
#define ASK_NS          100000000u  /* between two questions whether the writer's thread lives */
#define HOLE_SECONDS    60u

/* ---- making ---- */

size_t ring_bytes(size_t capacity_bytes)
{
    size_t granules = 1;
    while (granules * PAYLOAD_BYTES < capacity_bytes)
        granules *= 2;
    return sizeof(struct ring) + granules * GRANULE_BYTES;
}

struct ring *ring_init(void *memory, size_t bytes)
{
    if ((uintptr_t)memory % GRANULE_BYTES || bytes < sizeof(struct ring) + GRANULE_BYTES)
        return NULL;
    struct ring *ring = memory;
    size_t room = (bytes - sizeof *ring) / GRANULE_BYTES;
    while (ring->shift < 31 && (size_t)2 << ring->shift <= room)
        ring->shift++;
    ring->granules = 1u << ring->shift;
    ring->limit = RING_RECORDS_MAX;
    ring->ready = RING_ALL_READY;
    ring_set_mark(ring);
    return ring;
}

void ring_set_limit(struct ring *ring, uint32_t records)
{
    if (records == 0)
        records = 1;
    ring->limit = records < RING_RECORDS_MAX ? records : RING_RECORDS_MAX;
}

/* ---- writing ---- */

/* Changed by ring_thread_reset, so that ids cached before a fork are told from later ones.
 * Relaxed: the child's threads are created after the reset or make it themselves. */
static _Atomic uint32_t generation = 1;
static _Thread_local uint64_t tl_tid; /* generation << 32 | thread id */

void ring_thread_reset(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static uint32_t thread_id(void)
{
    uint32_t now = atomic_load_explicit(&generation, memory_order_relaxed);
    if ((uint32_t)(tl_tid >> 32) != now)
        tl_tid = (uint64_t)now << 32 | (uint32_t)os.syscall(SYS_gettid);
    return (uint32_t)tl_tid & TID_MASK;
}

/* Moves the tail past the run at `tail`, unless somebody has. Release: who sees the new tail
 * (acquire in ring_write) also sees the header that it passed. */
static void advance_tail(struct ring *ring, uint64_t tail, uint32_t run, uint32_t records)
{
    atomic_compare_exchange_strong_explicit(&ring->tail, &tail, place_after(tail, run, records),
                                            memory_order_release, memory_order_relaxed);
}

enum claim { CLAIM_DONE, CLAIM_AGAIN, CLAIM_FULL };

/* Full only if what was seen was seen at the tail: an outdated tail proves nothing. */
static enum claim full_unless_outdated(struct ring *ring, uint64_t tail)
{
    /* Acquire: the reads that led here stay before this one. They acquired as well, so where
     * they saw a later writer's header, its tail is seen here. */
    return atomic_load_explicit(&ring->tail, memory_order_acquire) == tail ? CLAIM_FULL
                                                                           : CLAIM_AGAIN;
}

/* The granule at the tail holds a word that is not FREE in this lap. */
static enum claim pass(struct ring *ring, uint64_t tail, uint64_t word)
{
    uint64_t position = position_of(tail);
    if (is_claimed(ring, position, word)) {
        advance_tail(ring, tail, run_of(word), state_of(word) != PAD);
        return CLAIM_AGAIN;
    }
    if (is_hole(word)) {
        RING_SEAM(HOLE_SEEN);
        /* Only past holes that the reader has left behind in the previous lap, or the tail would
         * overtake it. Acquire pairs with the release in ring_release. */
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        uint64_t used = (position - position_of(head)) & POSITION_MASK;
        if (used + run_of(word) <= ring->granules) {
            /* Leaving it behind the reader may have freed it. Now that its head is known to be past
             * it, what is seen here is what it decided, until the tail has passed. */
            word = atomic_load_explicit(&granule_at(ring, position)->word, memory_order_relaxed);
            if (is_hole(word))
                advance_tail(ring, tail, run_of(word), 0);
            return CLAIM_AGAIN;
        }
    }
    return full_unless_outdated(ring, tail);
}

static inline __attribute__((always_inline)) enum claim claim(struct ring *ring, uint64_t tail,
                                                              uint64_t *busy)
{
    uint64_t position = position_of(tail);
    uint32_t run = run_of(*busy);
    /* Acquire: pairs with the release in ring_grown(). */
    if (position + run > atomic_load_explicit(&ring->ready, memory_order_acquire))
        return full_unless_outdated(ring, tail);
    struct granule *first = granule_at(ring, position);
    /* Acquire, here and below: pairs with the reader's release in free_run, so that it has
     * finished with the payload before we write there. */
    uint64_t word = atomic_load_explicit(&first->word, memory_order_acquire);
    if (word != free_word(ring, position))
        return pass(ring, tail, word);
    /* Acquire only keeps this load after that of the tail: a head from before it would count
     * records twice. */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    if (records_between(tail, head) >= ring->limit)
        return full_unless_outdated(ring, tail);

    uint32_t clear = 1;
    uint64_t blocker = 0;
    for (; clear < run; clear++) {
        blocker =
            atomic_load_explicit(&granule_at(ring, position + clear)->word, memory_order_acquire);
        if (blocker != free_word(ring, position + clear))
            break;
    }
    uint64_t header = *busy;
    if (clear < run) {
        if (!is_hole(blocker))
            return full_unless_outdated(ring, tail);
        header = (uint64_t)(clear * PAYLOAD_WORDS) << LENGTH_SHIFT | PAD;
    }
    header = with_stamp(header, lap_of(ring, position));
    /* The claim. It can only succeed while the tail is here, so the run just looked at is still
     * free. Release: a writer that sees this header also sees the tail that led us here. */
    if (!atomic_compare_exchange_strong_explicit(&first->word, &word, header, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return CLAIM_AGAIN;
    RING_SEAM(CLAIMED);
    advance_tail(ring, tail, clear, clear == run);
    *busy = header;
    return clear == run ? CLAIM_DONE : CLAIM_AGAIN;
}

/* Stops when the record is retired meanwhile: a hole that has waited long enough is used again, so
 * what a very late writer can still spoil is the granule it was stopped in. */
static void copy_in(struct ring *ring, uint64_t position, uint64_t busy, const unsigned char *from,
                    uint32_t length)
{
    const struct granule *first = granule_at(ring, position);
    for (; length >= PAYLOAD_BYTES; length -= PAYLOAD_BYTES, from += PAYLOAD_BYTES) {
        /* Relaxed: safety comes from the hole; this only makes the rare case rarer. */
        if (atomic_load_explicit(&first->word, memory_order_relaxed) != busy)
            return;
        memcpy(granule_at(ring, position++)->payload, from, PAYLOAD_BYTES);
        RING_SEAM(COPYING);
    }
    unsigned char *to = granule_at(ring, position)->payload;
    for (uint32_t i = 0; i < length; i += 8)
        memcpy(to + i, from + i, 8);
}

static void commit(struct granule *first, uint64_t busy)
{
    /* Release: pairs with the reader's acquire of the header, which then copies the payload. */
    uint64_t seen = busy;
    if (atomic_compare_exchange_strong_explicit(&first->word, &seen, with_state(busy, READY),
                                                memory_order_release, memory_order_relaxed))
        return;
    /* Retired and counted. Say that we are done with the memory. Release: our late payload
     * writes come before the reader's acquire in skip_hole and all that follow it. */
    if (state_of(seen) == RETIRED && with_stamp(with_state(seen, BUSY), 0) == with_stamp(busy, 0))
        atomic_compare_exchange_strong_explicit(&first->word, &seen, with_state(seen, RELEASED),
                                                memory_order_release, memory_order_relaxed);
}

static inline __attribute__((always_inline)) bool write_record(struct ring *ring,
                                                               const void *record, uint32_t length)
{
    if (length == 0 || length % 8 || length > RING_RECORD_BYTES_MAX)
        return false;
    const uint64_t wanted =
        (uint64_t)thread_id() << TID_SHIFT | (uint64_t)(length / 8) << LENGTH_SHIFT | BUSY;
    if (run_of(wanted) > ring->granules)
        return false;

    for (uint32_t i = 0; i < TRIES; i++) {
        /* Acquire: pairs with the release in advance_tail. */
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        RING_SEAM(TAIL_READ);
        uint64_t busy = wanted;
        switch (claim(ring, tail, &busy)) {
        case CLAIM_DONE:
            copy_in(ring, position_of(tail), busy, record, length);
            RING_SEAM(COPIED);
            commit(granule_at(ring, position_of(tail)), busy);
            return true;
        case CLAIM_FULL:
            return false;
        case CLAIM_AGAIN:
            break;
        }
    }
    return false;
}

bool ring_write(struct ring *ring, const void *record, uint32_t length)
{
    return write_record(ring, record, length);
}

__attribute__((cold, noinline)) bool ring_write_seldom(struct ring *ring, const void *record,
                                                       uint32_t length)
{
    return write_record(ring, record, length);
}

/* ---- reading ---- */

static void copy_out(struct ring *ring, uint64_t position, unsigned char *into, uint32_t length)
{
    for (; length >= PAYLOAD_BYTES; length -= PAYLOAD_BYTES, into += PAYLOAD_BYTES)
        memcpy(into, granule_at(ring, position++)->payload, PAYLOAD_BYTES);
    memcpy(into, granule_at(ring, position)->payload, length);
}

/* Gives a run to the writers of the next lap. */
static void free_run(struct ring *ring, uint64_t position, uint32_t run)
{
    for (uint64_t i = position; i < position + run; i++)
        atomic_store_explicit(&granule_at(ring, i)->word, free_word(ring, i + ring->granules),
                              memory_order_release);
}

static bool thread_gone(uint64_t word)
{
    /* tkill, not tgkill: in shared memory the writer may be of another process. A number that
     * was given to a new thread reads as alive: then patience decides. */
    int saved = errno;
    bool gone =
        os.syscall(SYS_tkill, (long)(word >> TID_SHIFT & TID_MASK), 0L) != 0 && errno == ESRCH;
    errno = saved;
    return gone;
}

/* Has the record at `position` been busy for so long, or has its thread ended? */
static bool out_of_patience(struct ring *ring, uint64_t position, uint64_t word, bool *gone)
{
    uint64_t now = RING_NOW_NS();
    *gone = ring->orphaned;
    if (ring->orphaned)
        return true;
    if (ring->watched != position + 1) {
        ring->watched = position + 1;
        ring->since_ns = ring->visited_ns = ring->asked_ns = now;
        ring->visits = 1;
        return false;
    }
    if (now - ring->visited_ns >= VISIT_NS) {
        ring->visited_ns = now;
        ring->visits++;
    }
    if (now - ring->asked_ns >= ASK_NS) {
        ring->asked_ns = now;
        *gone = thread_gone(word);
    }
    return *gone || (now - ring->since_ns >= PATIENCE_NS && ring->visits >= PATIENCE_VISITS);
}

static void count(_Atomic uint64_t *sum, uint64_t more)
{
    /* Not an atomic addition: the reader is its only writer. */
    atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* False: the writer committed meanwhile. */
static bool retire(struct ring *ring, uint64_t position, uint64_t word, bool gone)
{
    /* RELEASED: nobody is left who could still write there. */
    uint64_t hole =
        with_stamp(with_state(word, gone ? RELEASED : RETIRED), RING_NOW_NS() / 1000000000u);
    /* Relaxed: this hands nothing over; the run stays the writer's. */
    if (!atomic_compare_exchange_strong_explicit(&granule_at(ring, position)->word, &word, hole,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    count(&ring->abandoned, 1);
    return true;
}

/* Headers lie end to end up to the tail, and the one there within a lap of the head. Not so in a
 * file that somebody has spoilt, where the reader would go round and round. */
static bool lies_right(const struct ring *ring, uint64_t position, uint64_t tail, uint32_t run)
{
    /* Relaxed: only the reader changes the head. */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t ahead = (position_of(tail) - position) & POSITION_MASK;
    uint64_t used = (position - position_of(head)) & POSITION_MASK;
    return used + run <= ring->granules && (ahead == 0 || run <= ahead);
}

uint32_t ring_peek(struct ring *ring, void *into, uint32_t capacity)
{
    for (;;) {
        uint64_t position = position_of(ring->cursor);
        if (position >= atomic_load_explicit(&ring->ready, memory_order_acquire))
            return 0; /* nobody has written there, and there may be no memory to read */
        /* Acquire: pairs with the releases in commit. */
        uint64_t word =
            atomic_load_explicit(&granule_at(ring, position)->word, memory_order_acquire);
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        bool at_tail = position_of(tail) == position;
        uint32_t run = run_of(word);

        if (run == 0 || !lies_right(ring, position, tail, run))
            return 0; /* never written, or spoilt */
        if (is_hole(word)) {
            if (at_tail)
                return 0;
            ring->cursor = place_after(ring->cursor, run, 0);
            continue;
        }
        if (!is_claimed(ring, position, word))
            return 0;
        /* The header will go, and with it what others need to pass it. */
        if (at_tail)
            advance_tail(ring, tail, run, state_of(word) != PAD);

        if (state_of(word) == BUSY) {
            bool gone;
            if (!out_of_patience(ring, position, word, &gone))
                return 0;
            if (retire(ring, position, word, gone))
                ring->cursor = place_after(ring->cursor, run, 1);
            continue;
        }
        uint32_t length = ((uint32_t)(word >> LENGTH_SHIFT) & LENGTH_MASK) * 8;
        bool record = state_of(word) == READY;
        bool fits = length <= capacity;
        if (record && fits)
            copy_out(ring, position, into, length);
        if (record && !fits)
            count(&ring->abandoned, 1);
        ring->cursor = place_after(ring->cursor, run, record);
        if (record && fits) {
            ring->seen++;
            ring->handed = ring->cursor;
            return length;
        }
    }
}

bool ring_is_stalled(const struct ring *ring)
{
    return ring->watched == position_of(ring->cursor) + 1;
}

/* A hole's run may be used again as soon as nobody writes there. */
static bool hole_is_over(uint64_t word)
{
    uint64_t age = (RING_NOW_NS() / 1000000000u - (word >> STAMP_SHIFT)) & STAMP_MASK;
    return state_of(word) == RELEASED || age >= HOLE_SECONDS || thread_gone(word);
}

/* The head moves last: a writer may pass a hole only when it is decided that it stays one. */
void ring_release(struct ring *ring)
{
    /* Relaxed: only the reader changes the head. */
    uint64_t position = position_of(atomic_load_explicit(&ring->head, memory_order_relaxed));
    uint64_t end = position_of(ring->cursor);
    while (position != end) {
        /* Acquire: pairs with the release of a late writer in commit. */
        uint64_t word =
            atomic_load_explicit(&granule_at(ring, position)->word, memory_order_acquire);
        uint32_t run = run_of(word);
        if (!is_hole(word) || hole_is_over(word))
            free_run(ring, position, run);
        position = (position + run) & POSITION_MASK;
    }
    count(&ring->taken, ring->seen);
    ring->seen = 0;
    /* Release: pairs with pass(), which takes holes behind the head for passable. */
    atomic_store_explicit(&ring->head, ring->cursor, memory_order_release);
    ring_set_mark(ring);
}

/* Is what the head of the memory says about it true? */
static bool is_sound(const struct ring *ring, size_t bytes)
{
    return bytes >= sizeof *ring && ring->shift < 32 && ring->granules == 1u << ring->shift &&
           (bytes - sizeof *ring) / GRANULE_BYTES >= ring->granules;
}

bool ring_adopt(struct ring *ring, size_t bytes)
{
    if (!is_sound(ring, bytes))
        return false;
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    uint64_t waiting = (position_of(tail) - position_of(head)) & POSITION_MASK;
    if (waiting > ring->granules)
        return false;
    ring->cursor = head;
    ring->seen = ring->watched = 0;
    ring->orphaned = 1;
    /* The last reader may have ended in the middle of a release: the runs it had freed lie behind
     * the head still, and all their granules say FREE. */
    while (waiting) {
        uint64_t word = atomic_load_explicit(&granule_at(ring, position_of(ring->cursor))->word,
                                             memory_order_acquire);
        uint32_t run = state_of(word) == FREE ? 1 : is_hole(word) ? run_of(word) : 0;
        if (run == 0 || run > waiting)
            break;
        ring->cursor = place_after(ring->cursor, run, 0);
        waiting -= run;
    }
    atomic_store_explicit(&ring->head, ring->cursor, memory_order_release);
    return true;
}

uint32_t ring_read(struct ring *ring, void *into, uint32_t capacity)
{
    uint32_t length = ring_peek(ring, into, capacity);
    ring_release(ring);
    return length;
}

/* ---- asking ---- */

/* The head first: it never passes a tail that is read after it. */
uint32_t ring_pending(const struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return records_between(tail, head);
}

bool ring_is_filling(const struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    uint64_t mark = atomic_load_explicit(&ring->mark, memory_order_relaxed);
    return (int64_t)(tail - mark) > 0 || records_between(tail, head) > ring->limit / 2;
}

uint64_t ring_abandoned(const struct ring *ring)
{
    return atomic_load_explicit(&ring->abandoned, memory_order_relaxed);
}

uint64_t ring_written(const struct ring *ring)
{
    return atomic_load_explicit(&ring->taken, memory_order_relaxed) + ring_pending(ring);
}
