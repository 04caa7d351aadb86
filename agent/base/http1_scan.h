// SPDX-License-Identifier: Apache-2.0
/* http1_scan.h - finding bytes in heads.
 *
 * The runs between two delimiters of a head are short (a name has some ten bytes, a value some
 * twenty), so a call of memchr costs more than its search. Every x86-64 has SSE2: there sixteen
 * bytes are compared at a time, in place. Nothing outside [at, end) is read, but where it says so.
 */
#ifndef AGENT_HTTP1_SCAN_H
#define AGENT_HTTP1_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __SSE2__
/* The sixteen bytes at `at`. */
static inline __m128i scan_block(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}
#endif

#define SCAN_BLOCK 64 /* bytes: a bit each */

/* The line ends among 64 bytes, the first one's bit lowest. *bare, unless it is NULL, is not 0 any
 * more where one of them is no LF though a CR is before it; the byte before the first has to be
 * readable then, too. */
#ifdef __SSE2__
static inline uint64_t scan_ends_16(const char *at, __m128i *bare)
{
    __m128i ends = _mm_cmpeq_epi8(scan_block(at), _mm_set1_epi8('\n'));
    if (bare != NULL) {
        __m128i behind_cr = _mm_cmpeq_epi8(scan_block(at - 1), _mm_set1_epi8('\r'));
        *bare = _mm_or_si128(*bare, _mm_andnot_si128(ends, behind_cr));
    }
    return (unsigned)_mm_movemask_epi8(ends);
}

static inline uint64_t scan_ends(const char *at, unsigned *bare)
{
    __m128i any = _mm_setzero_si128();
    __m128i *into = bare != NULL ? &any : NULL;
    uint64_t ends = scan_ends_16(at, into) | scan_ends_16(at + 16, into) << 16;
    uint64_t later = scan_ends_16(at + 32, into) | scan_ends_16(at + 48, into) << 16;
    if (bare != NULL)
        *bare |= (unsigned)_mm_movemask_epi8(any);
    return ends | later << 32;
}
#else
/* Which of these eight bytes are c, the first one's bit lowest. */
static inline uint64_t scan_marks_8(const char *at, char c)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t bytes;
    memcpy(&bytes, at, sizeof bytes);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap64(bytes);
#endif
    bytes ^= UINT64_C(0x0101010101010101) * (unsigned char)c;
    uint64_t hits = ~(((bytes & low) + low) | bytes | low); /* the high bit of each that is 0 */
    return hits * UINT64_C(0x0002040810204081) >> 56;       /* gathers those in one byte */
}

static inline uint64_t scan_ends(const char *at, unsigned *bare)
{
    uint64_t ends = 0;
    for (unsigned i = 0; i < SCAN_BLOCK; i += 8) {
        uint64_t some = scan_marks_8(at + i, '\n');
        if (bare != NULL)
            *bare |= (unsigned)(scan_marks_8(at + i - 1, '\r') & ~some);
        ends |= some << i;
    }
    return ends;
}
#endif

/* The same of the fewer than 64 bytes of [at, end). Bytes from `begin` on may be read, which is
 * before `at`: where there are enough, the block begins among them, and *bare may be of one there.
 */
__attribute__((noinline)) static uint64_t scan_last_ends(const char *begin, const char *at,
                                                         const char *end, unsigned *bare)
{
    uint64_t ends = 0;
    if (at == end)
        return 0;
    if (end - begin > SCAN_BLOCK)
        return scan_ends(end - SCAN_BLOCK, bare) >> (SCAN_BLOCK - (end - at));
    for (size_t i = 0; at + i < end; i++) {
        ends |= (uint64_t)(at[i] == '\n') << i;
        if (bare != NULL)
            *bare |= at[i] != '\n' && at[(ptrdiff_t)i - 1] == '\r';
    }
    return ends;
}

/* The line ends among the first 64 bytes of [at, end), or all where there are fewer. */
static inline uint64_t scan_line_ends(const char *begin, const char *at, const char *end,
                                      unsigned *bare)
{
    return __builtin_expect(end - at >= SCAN_BLOCK, true) ? scan_ends(at, bare)
                                                          : scan_last_ends(begin, at, end, bare);
}

/* The first c or d in [at, end); NULL: neither occurs. */
static inline const char *scan_either(const char *at, const char *end, char c, char d)
{
#ifdef __SSE2__
    const __m128i all_c = _mm_set1_epi8(c);
    const __m128i all_d = _mm_set1_epi8(d);
    for (; end - at >= 16; at += 16) {
        __m128i block = scan_block(at);
        int hits = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(block, all_c), _mm_cmpeq_epi8(block, all_d)));
        if (hits != 0)
            return at + __builtin_ctz((unsigned)hits);
    }
#endif
    for (; at < end; at++)
        if (*at == c || *at == d)
            return at;
    return NULL;
}

/* The first c in [at, end); NULL: none. The last block overlaps the one before it, in which there
 * was none, so that only what is shorter than a block as a whole needs a call. */
static inline const char *scan_byte(const char *at, const char *end, char c)
{
#ifdef __SSE2__
    if (end - at >= 16) {
        const __m128i all_c = _mm_set1_epi8(c);
        const char *last = end - 16;
        for (;;) {
            int hits = _mm_movemask_epi8(_mm_cmpeq_epi8(scan_block(at), all_c));
            if (hits != 0)
                return at + __builtin_ctz((unsigned)hits);
            if (at == last)
                return NULL;
            at = last - at > 16 ? at + 16 : last;
        }
    }
#endif
    return at < end ? memchr(at, c, (size_t)(end - at)) : NULL;
}

/* The length of a line end, LF or CRLF, at `at`; 0: there is none. */
static inline size_t scan_line_end(const char *at, const char *end)
{
    if (at < end && *at == '\n')
        return 1;
    if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
        return 2;
    return 0;
}

#endif
