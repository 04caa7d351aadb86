// SPDX-License-Identifier: Apache-2.0
#include "agent/text/route_set.h"

/* Slots are at most half taken, so a search this long means bad luck, not a full table; it is
 * given up and counts as full. */
#define PROBES 64

/* Names a process may ever have, for each that it may have at a time (route_set_refund). */
#define EVER ((size_t)4)

static size_t slots_for(int64_t most)
{
    size_t slots = 16;
    while (slots < 2 * EVER * (size_t)most)
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

uint64_t route_hash(uint64_t seed, struct slice text)
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

bool route_set_has(struct route_set *set, struct slice text)
{
    if (!set->most)
        return false;
    uint64_t wanted = route_hash(set->seed, text);
    for (size_t i = 0; i < PROBES; i++) {
        uint64_t there =
            atomic_load_explicit(&set->slots[(wanted + i) & set->mask], memory_order_relaxed);
        if (there == wanted)
            return true;
        if (there == 0)
            return false;
    }
    return false;
}

/* One more, if that is not too many. Relaxed: the number bounds, it publishes nothing. */
static bool raise(_Atomic size_t *number, size_t most)
{
    size_t now = atomic_load_explicit(number, memory_order_relaxed);
    while (now < most)
        if (atomic_compare_exchange_weak_explicit(number, &now, now + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}

static void lower(_Atomic size_t *number, size_t by)
{
    size_t now = atomic_load_explicit(number, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(number, &now, now > by ? now - by : 0,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

static bool reserve(struct route_set *set, size_t most)
{
    if (!raise(&set->count, most))
        return false;
    if (raise(&set->ever, EVER * set->most))
        return true;
    lower(&set->count, 1);
    return false;
}

/* A slot goes from 0 to a hash once and stays, and the hash is all there is to know: relaxed order
 * is enough. Two threads with the same hash try the same slots in the same order, so the one that
 * comes second finds it. */
bool route_set_add(struct route_set *set, struct slice text, size_t most)
{
    if (route_set_has(set, text))
        return true;
    if (!set->most || !reserve(set, most))
        return false;
    uint64_t wanted = route_hash(set->seed, text);
    bool found = false;
    for (size_t i = 0; i < PROBES && !found; i++) {
        uint64_t there = 0;
        if (atomic_compare_exchange_strong_explicit(&set->slots[(wanted + i) & set->mask], &there,
                                                    wanted, memory_order_relaxed,
                                                    memory_order_relaxed))
            return true;
        found = there == wanted;
    }
    lower(&set->ever, 1);
    lower(&set->count, 1);
    return found;
}

void route_set_refund(struct route_set *set, size_t names)
{
    lower(&set->count, names);
}

size_t route_set_count(struct route_set *set)
{
    return atomic_load_explicit(&set->count, memory_order_relaxed);
}
