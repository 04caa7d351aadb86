// SPDX-License-Identifier: Apache-2.0
#include "agent/route_set.h"

/* Slots are at most half taken, so a search this long means bad luck, not a full table; it is
 * given up and counts as full. */
#define PROBES 64

static size_t slots_for(int64_t most)
{
    size_t slots = 16;
    while (slots < 2 * (size_t)most)
        slots *= 2;
    return slots;
}

size_t route_set_bytes(int64_t most)
{
    return most > 0 ? slots_for(most) * sizeof(uint64_t) : 0;
}

void route_set_init(struct route_set *set, void *storage, int64_t most, uint64_t seed)
{
    memset(set, 0, sizeof *set);
    set->seed = seed;
    if (most <= 0 || !storage)
        return;
    set->slots = storage;
    set->mask = slots_for(most) - 1;
    set->most = (size_t)most;
}

/* A 64 by 64 bit product, its halves folded together: every input bit reaches every output bit. */
static uint64_t stir(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(uint64_t seed, struct slice text)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio */
    uint64_t state = stir(seed ^ odd, text.length + odd);
    uint64_t word;
    for (; text.length > sizeof word; text = slice_after(text, sizeof word)) {
        memcpy(&word, text.at, sizeof word);
        state = stir(state ^ word, seed | 1) + odd;
    }
    word = 0;
    if (text.length)
        memcpy(&word, text.at, text.length);
    state = stir(state ^ word, seed | 1) + odd;
    state = stir(state, odd);
    return state ? state : 1;
}

/* A place for one more. Relaxed: the count bounds, it publishes nothing. */
static bool reserve(struct route_set *set)
{
    size_t count = atomic_load_explicit(&set->count, memory_order_relaxed);
    while (count < set->most)
        if (atomic_compare_exchange_weak_explicit(&set->count, &count, count + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

/* A slot goes from 0 to a hash once and stays, and the hash is all there is to know: relaxed order
 * is enough. Two threads with the same hash try the same slots in the same order, so the one that
 * comes second finds it. */
bool route_set_has(struct route_set *set, struct slice text, bool admit)
{
    if (!set->most)
        return false;
    uint64_t wanted = hash(set->seed, text);
    bool reserved = false;
    bool found = false;
    for (size_t i = 0; i < PROBES; i++) {
        _Atomic uint64_t *slot = &set->slots[(wanted + i) & set->mask];
        uint64_t there = atomic_load_explicit(slot, memory_order_relaxed);
        if (there == 0) {
            if (!reserved && !(admit && (reserved = reserve(set))))
                return false;
            if (atomic_compare_exchange_strong_explicit(slot, &there, wanted, memory_order_relaxed,
                                                        memory_order_relaxed))
                return true;
        }
        if (there == wanted) {
            found = true;
            break;
        }
    }
    if (reserved)
        atomic_fetch_sub_explicit(&set->count, 1, memory_order_relaxed);
    return found;
}

size_t route_set_count(struct route_set *set)
{
    return atomic_load_explicit(&set->count, memory_order_relaxed);
}
