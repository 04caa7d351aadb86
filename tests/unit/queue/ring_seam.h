// SPDX-License-Identifier: Apache-2.0
/* ring_seam.h - the ring, compiled into its test, so that a writer can be stopped at a chosen point
 * and time passes only when the test says so. */
#ifndef TESTS_RING_SEAM_H
#define TESTS_RING_SEAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

enum seam { SEAM_NOWHERE, SEAM_TAIL_READ, SEAM_HOLE_SEEN, SEAM_CLAIMED, SEAM_COPYING, SEAM_COPIED };
static inline void reach(enum seam point);
static uint64_t test_now_ns = 1;

#define RING_SEAM(point) reach(SEAM_##point)
#define RING_NOW_NS()    test_now_ns
#include "agent/queue/ring.c" // NOLINT(bugprone-suspicious-include)

/* What happens, once, when a writer reaches a point. */
static _Thread_local enum seam seam_at;
static _Thread_local void (*seam_do)(void);

static inline void reach(enum seam point)
{
    if (point != seam_at)
        return;
    seam_at = SEAM_NOWHERE;
    seam_do();
}

static inline void at_seam(enum seam point, void (*act)(void))
{
    seam_at = point;
    seam_do = act;
}

/* Granules of the rings below: the smallest that takes every record, and a tiny one. */
#define LARGE ((size_t)512)
#define TINY  ((size_t)16)

static _Alignas(64) unsigned char memory[sizeof(struct ring) + LARGE * GRANULE_BYTES];
static _Alignas(8) unsigned char taken[RING_RECORD_BYTES_MAX];
static struct ring *ring;

static inline void make(size_t granules)
{
    memset(memory, 0, sizeof memory);
    ring = ring_init(memory, sizeof(struct ring) + granules * GRANULE_BYTES);
    assert_non_null(ring);
    test_now_ns = 1;
}

static inline int fresh_large_ring(void **state)
{
    (void)state;
    make(LARGE);
    return 0;
}

static inline int fresh_tiny_ring(void **state)
{
    (void)state;
    make(TINY);
    return 0;
}

/* A record whose every word tells which it is. */
static inline bool put(uint64_t mark, uint32_t length)
{
    uint64_t words[RING_RECORD_BYTES_MAX / 8];
    for (uint32_t i = 0; i < length / 8; i++)
        words[i] = mark * 10000 + i;
    return ring_write(ring, words, length);
}

static inline void expect(uint64_t mark, uint32_t length)
{
    assert_int_equal(ring_read(ring, taken, sizeof taken), length);
    uint64_t words[RING_RECORD_BYTES_MAX / 8];
    memcpy(words, taken, length);
    for (uint32_t i = 0; i < length / 8; i++)
        assert_int_equal(words[i], mark * 10000 + i);
}

static inline void expect_nothing(void)
{
    assert_int_equal(ring_read(ring, taken, sizeof taken), 0);
}

static inline void pass_ms(uint64_t ms)
{
    test_now_ns += ms * 1000000;
}

#define ON_LARGE(test) cmocka_unit_test_setup(test, fresh_large_ring)
#define ON_TINY(test)  cmocka_unit_test_setup(test, fresh_tiny_ring)

#endif
