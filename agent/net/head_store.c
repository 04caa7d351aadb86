// SPDX-License-Identifier: Apache-2.0
#include "agent/net/head_store.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/counters.h"

#define SIZES       4
#define SIZE_MEMORY (HEAD_STORE_BYTES / SIZES)
#define SPAN_BYTES  (SIZE_MEMORY / 64) /* a bit of `touched` */
#define WARM_SPANS  4                  /* of each size, not given back */
#define TRIES       4                  /* to get a buffer that others are after, too */
#define NONE        UINT32_MAX

/* In `heads`: somebody is at that buffer. */
#define HELD UINT64_C(1)

struct size {
    uint32_t bytes; /* of a buffer */
    uint32_t count;
    /* NULL until it is needed. Release when mapped, acquire by who uses it. */
    _Atomic(char *) memory;
    /* A bit for each buffer that is in use. Acquire by who sets one pairs with release by who
     * clears it: the last user's work is over. */
    _Atomic uint64_t *taken;
    /* Twice the number of the head that lies in each buffer, + HELD; 0: none. Acquire by who makes
     * it HELD pairs with release by who lets go. */
    _Atomic uint64_t *heads;
    /* A bit for each SPAN_BYTES of memory that were used since they were given back. Relaxed: set
     * by who has a buffer there, cleared by who has them all. */
    _Atomic uint64_t touched;
};

/* Apart, because zeros beside what is none would lie in the file. */
#define SIZE(bytes)                                                                                \
    static _Atomic uint64_t taken_##bytes[SIZE_MEMORY / (bytes) / 64];                             \
    static _Atomic uint64_t heads_##bytes[SIZE_MEMORY / (bytes)]
SIZE(1024);
SIZE(4096);
SIZE(16384);
SIZE(65536);
#undef SIZE

#define SIZE(size_bytes)                                                                           \
    {                                                                                              \
        .bytes = (size_bytes), .count = SIZE_MEMORY / (size_bytes), .taken = taken_##size_bytes,   \
        .heads = heads_##size_bytes                                                                \
    }
static struct size sizes[SIZES] = {SIZE(1024), SIZE(4096), SIZE(16384), SIZE(65536)};
#undef SIZE

_Static_assert(HEAD_BYTES == 65536, "the largest size holds the longest head");

static _Atomic uint64_t numbers; /* of heads so far; numbers only, so relaxed */

static char *map(struct size *size)
{
    char *memory = atomic_load_explicit(&size->memory, memory_order_acquire);
    if (memory)
        return memory;
    char *fresh = mmap(NULL, SIZE_MEMORY, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fresh == MAP_FAILED)
        return NULL;
    /* Huge pages would make 2 MB resident at the first touch. */
    (void)madvise(fresh, SIZE_MEMORY, MADV_NOHUGEPAGE);
    if (atomic_compare_exchange_strong_explicit(&size->memory, &memory, fresh, memory_order_acq_rel,
                                                memory_order_acquire))
        return fresh;
    munmap(fresh, SIZE_MEMORY);
    return memory;
}

static void touch(struct size *size, uint32_t buffer)
{
    uint64_t bit = UINT64_C(1) << (buffer * size->bytes / SPAN_BYTES);
    if (!(atomic_load_explicit(&size->touched, memory_order_relaxed) & bit))
        atomic_fetch_or_explicit(&size->touched, bit, memory_order_relaxed);
}

static uint32_t take_free(struct size *size)
{
    for (uint32_t word = 0; word < size->count / 64; word++) {
        uint64_t seen = atomic_load_explicit(&size->taken[word], memory_order_relaxed);
        while (~seen) {
            uint64_t bit = ~seen & (seen + 1); /* the lowest that is not set */
            seen = atomic_fetch_or_explicit(&size->taken[word], bit, memory_order_acquire);
            if (!(seen & bit))
                return word * 64 + (uint32_t)__builtin_ctzll(bit);
        }
    }
    return NONE;
}

/* Of those that began before head `mine` and are not held, the first; NONE: there is none. */
static uint32_t oldest_head(struct size *size, uint64_t mine, uint64_t *whose)
{
    uint32_t oldest = NONE;
    *whose = mine;
    for (uint32_t i = 0; i < size->count; i++) {
        uint64_t head = atomic_load_explicit(&size->heads[i], memory_order_relaxed);
        if (head && !(head & HELD) && head < *whose) {
            *whose = head;
            oldest = i;
        }
    }
    return oldest;
}

__attribute__((cold)) static uint32_t take_oldest(struct size *size, uint64_t mine)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t whose;
        uint32_t oldest = oldest_head(size, mine, &whose);
        if (oldest == NONE)
            break;
        if (atomic_compare_exchange_strong_explicit(&size->heads[oldest], &whose, mine,
                                                    memory_order_acquire, memory_order_relaxed))
            return oldest;
    }
    return NONE;
}

static void give(struct size *size, uint32_t buffer)
{
    atomic_fetch_and_explicit(&size->taken[buffer / 64], ~(UINT64_C(1) << buffer % 64),
                              memory_order_release);
}

/* What the place is to hold in `heads` while it is held. */
static uint64_t held_by(const struct head_place *place)
{
    return place->number << 1 | HELD;
}

/* A buffer of that size for the head, held. */
static bool take(struct head_place *place, uint8_t which)
{
    struct size *size = &sizes[which];
    if (!map(size))
        return false;
    uint32_t buffer = take_free(size);
    if (buffer == NONE) {
        buffer = take_oldest(size, held_by(place));
        if (buffer == NONE)
            return false;
        counters_add(&counters.heads_no_room, 1);
    } else {
        atomic_store_explicit(&size->heads[buffer], held_by(place), memory_order_relaxed);
    }
    touch(size, buffer);
    place->buffer = (uint16_t)buffer;
    place->size = which;
    return true;
}

static char *buffer_of(const struct head_place *place)
{
    struct size *size = &sizes[place->size];
    return atomic_load_explicit(&size->memory, memory_order_acquire) +
           (size_t)place->buffer * size->bytes;
}

/* Makes it held again. A thread may have been held up for good when it held it last: by a signal
 * handler that jumped away. */
static bool hold(const struct head_place *place)
{
    uint64_t found = place->number << 1;
    return atomic_compare_exchange_strong_explicit(&sizes[place->size].heads[place->buffer], &found,
                                                   held_by(place), memory_order_acquire,
                                                   memory_order_relaxed) ||
           found == held_by(place);
}

static bool move(struct head_place *place, size_t used, uint8_t which)
{
    struct head_place before = *place;
    if (!take(place, which))
        return false;
    memcpy(buffer_of(place), buffer_of(&before), used);
    head_store_drop(&before);
    return true;
}

static bool find_room(struct head_place *place, size_t used, size_t wanted)
{
    uint8_t which = 0;
    while (sizes[which].bytes < wanted)
        which++;
    if (!head_is_kept(place)) {
        place->number = 1 + atomic_fetch_add_explicit(&numbers, 1, memory_order_relaxed);
        if (take(place, which))
            return true;
        place->number = 0;
    } else if (which <= place->size || move(place, used, which)) {
        return true;
    }
    head_store_drop(place);
    counters_add(&counters.heads_no_room, 1);
    return false;
}

char *head_store_hold(struct head_place *place, size_t used, size_t wanted, size_t *room)
{
    if (head_is_kept(place) && !hold(place)) {
        place->number = 0; /* who took the buffer has counted it */
        return NULL;
    }
    if (!find_room(place, used, wanted))
        return NULL;
    *room = sizes[place->size].bytes;
    return buffer_of(place);
}

void head_store_rest(const struct head_place *place)
{
    atomic_store_explicit(&sizes[place->size].heads[place->buffer], place->number << 1,
                          memory_order_release);
}

void head_store_drop(struct head_place *place)
{
    if (!head_is_kept(place))
        return;
    struct size *size = &sizes[place->size];
    if (hold(place)) {
        atomic_store_explicit(&size->heads[place->buffer], 0, memory_order_relaxed);
        give(size, place->buffer);
    }
    place->number = 0;
}

/* ---- back to the kernel ---- */

static uint64_t low_bits(uint32_t count)
{
    return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

/* The pages of a span in which nobody's but our buffers lie; bit 0 is the span's first one. */
static void give_pages_back(char *memory, uint32_t page_bytes, uint32_t buffer_bytes, uint64_t ours)
{
    uint32_t step = buffer_bytes < page_bytes ? page_bytes : buffer_bytes;
    uint64_t all = low_bits(step / buffer_bytes);
    uint32_t begin = 0;
    for (uint32_t at = 0; at <= SPAN_BYTES; at += step) {
        if (at < SPAN_BYTES && (ours >> at / buffer_bytes & all) == all)
            continue;
        if (at > begin)
            (void)madvise(memory + begin, at - begin, MADV_DONTNEED);
        begin = at + step;
    }
}

/* Takes what is free in it, like somebody with a head, and lets go of it empty. */
static void trim_span(struct size *size, char *memory, uint32_t span, uint32_t page_bytes)
{
    uint32_t buffers = SPAN_BYTES / size->bytes; /* 64 at most, and so in one word */
    uint32_t shift = span * buffers % 64;
    _Atomic uint64_t *taken = &size->taken[span * buffers / 64];
    uint64_t all = low_bits(buffers) << shift;
    /* Acquire: what was written there comes before. */
    uint64_t ours = all & ~atomic_fetch_or_explicit(taken, all, memory_order_acquire);
    if (ours == all)
        atomic_fetch_and_explicit(&size->touched, ~(UINT64_C(1) << span), memory_order_relaxed);
    give_pages_back(memory + (size_t)span * SPAN_BYTES, page_bytes, size->bytes, ours >> shift);
    atomic_fetch_and_explicit(taken, ~ours, memory_order_release);
}

void head_store_trim(void)
{
    long page_bytes = sysconf(_SC_PAGESIZE);
    if (page_bytes <= 0 || page_bytes > (long)SPAN_BYTES)
        return; /* larger ones hold parts of two spans */
    for (struct size *size = sizes; size < sizes + SIZES; size++) {
        char *memory = atomic_load_explicit(&size->memory, memory_order_acquire);
        uint64_t touched = atomic_load_explicit(&size->touched, memory_order_relaxed);
        for (uint32_t span = WARM_SPANS; memory && span < 64; span++)
            if (touched >> span & 1)
                trim_span(size, memory, span, (uint32_t)page_bytes);
    }
}
