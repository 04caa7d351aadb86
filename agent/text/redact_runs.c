// SPDX-License-Identifier: Apache-2.0
#include "agent/text/redact_runs.h"

#include "agent/base/http1_scan.h"
#include "agent/text/redact_shape.h"
#include "agent/text/redact_words.h"

/* No secret goes on behind one of these. */
static bool breaks(char c)
{
    return c >= ' ' && c <= ',' && c != '+';
}

#define MANY 64 /* bytes that are looked at together */

_Static_assert(REDACT_SHAPE_LEAST == 13, "the steps below make so many");

/* Are there as many bits in a row? */
static bool has_run(uint64_t bits)
{
    bits &= bits >> 1;
    bits &= bits >> 2;
    bits &= bits >> 4; /* 8 */
    return (bits & bits >> 5) != 0;
}

#ifdef __SSE2__
static uint64_t breaks_in(const char *at)
{
    __m128i block = scan_block(at);
    __m128i above = _mm_sub_epi8(block, _mm_set1_epi8(' '));
    __m128i within = _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(',' - ' ')), above);
    __m128i plus = _mm_cmpeq_epi8(block, _mm_set1_epi8('+'));
    return (unsigned)_mm_movemask_epi8(_mm_andnot_si128(plus, within));
}
#endif

/* Bits of the first bytes, at most MANY, that break nothing. */
static inline uint64_t unbroken(const char *at, size_t length)
{
    uint64_t bits = 0;
    size_t i = 0;
#ifdef __SSE2__
    if (length >= MANY)
        return ~(breaks_in(at) | breaks_in(at + 16) << 16 | breaks_in(at + 32) << 32 |
                 breaks_in(at + 48) << 48);
    for (; length - i >= 16; i += 16)
        bits |= breaks_in(at + i) << i;
    bits = ~bits & ((UINT64_C(1) << i) - 1);
#endif
    for (; i < length && i < MANY; i++)
        bits |= (uint64_t)!breaks(at[i]) << i;
    return bits;
}

/* The long ones one by one. */
__attribute__((noinline)) static bool are_shapeless(const struct redact *redact, struct slice text)
{
    while (text.length) {
        size_t run = 0;
        while (run < text.length && !breaks(text.at[run]))
            run++;
        if (run >= REDACT_SHAPE_LEAST &&
            !redact_words_shapeless(redact, (struct slice){text.at, run}))
            return false;
        text = slice_after(text, run < text.length ? run + 1 : run);
    }
    return true;
}

bool redact_runs_shapeless(const struct redact *redact, struct slice text)
{
    uint64_t before = 0;
    for (size_t at = 0; at < text.length; at += MANY) {
        uint64_t bits = unbroken(text.at + at, text.length - at);
        /* The end of the last ones, as many as half a run and more, and the beginning of these. */
        if (has_run(bits) || has_run(before >> 32 | bits << 32))
            return are_shapeless(redact, text);
        before = bits;
    }
    return true;
}
