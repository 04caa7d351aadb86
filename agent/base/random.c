// SPDX-License-Identifier: Apache-2.0
#include "agent/base/random.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/os.h"

/* Raised in forked children; a thread whose seed is of another epoch seeds anew. Only compared
 * for equality by the thread itself, so relaxed order is enough. */
static _Atomic uint32_t epoch = 1;

/* While numbers are drawn the epoch is 0: a signal handler that draws in the middle seeds anew,
 * because from the state it would find come the numbers that are being drawn. */
static __thread struct {
    uint64_t state[4];
    uint32_t epoch;
} tl_generator;

static void seed(void)
{
    uint64_t *state = tl_generator.state;
    size_t bytes = sizeof tl_generator.state;
    /* The wrapper getrandom() is newer than the oldest glibc we run on. GRND_NONBLOCK: at early
     * boot an id is not worth waiting for. */
    if (os.syscall(SYS_getrandom, state, bytes, 1 /* GRND_NONBLOCK */) != (long)bytes) {
        uint64_t mix = clock_unix_ns() ^ (uint64_t)(uintptr_t)&mix ^ (uint64_t)getpid() << 32;
        for (int i = 0; i < 4; i++) { /* splitmix64, Steele, Lea and Flood */
            mix += 0x9e3779b97f4a7c15u;
            uint64_t z = mix;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
            state[i] = z ^ (z >> 31);
        }
    }
    state[0] |= 1; /* all zero is the one state the generator never leaves */
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline void begin(uint64_t state[4])
{
    if (tl_generator.epoch != atomic_load_explicit(&epoch, memory_order_relaxed))
        seed();
    tl_generator.epoch = 0;
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(state, tl_generator.state, sizeof tl_generator.state);
}

static inline void end(const uint64_t state[4])
{
    memcpy(tl_generator.state, state, sizeof tl_generator.state);
    atomic_signal_fence(memory_order_seq_cst);
    tl_generator.epoch = atomic_load_explicit(&epoch, memory_order_relaxed);
}

static inline uint64_t step(uint64_t *s)
{
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t random_next(void)
{
    uint64_t state[4];
    begin(state);
    uint64_t value = step(state);
    end(state);
    return value;
}

void random_reseed(void)
{
    atomic_fetch_add_explicit(&epoch, 1, memory_order_relaxed);
}

static inline void draw(uint64_t *state, uint8_t id[8])
{
    uint64_t value;
    do
        value = step(state);
    while (!value);
    memcpy(id, &value, sizeof value);
}

void random_make_span_id(uint8_t id[8])
{
    uint64_t state[4];
    begin(state);
    draw(state, id);
    end(state);
}

void random_make_root_ids(uint8_t trace_id[16], uint8_t span_id[8])
{
    uint64_t state[4];
    begin(state);
    draw(state, trace_id);
    draw(state, trace_id + 8);
    draw(state, span_id);
    end(state);
}
