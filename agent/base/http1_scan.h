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

/* Is there a CR in [at, end) that no LF follows? A byte behind the end has to be readable. */
static inline bool scan_bare_cr(const char *at, const char *end)
{
#ifdef __SSE2__
    if (end - at >= 32) {
        const __m128i all_cr = _mm_set1_epi8('\r');
        const __m128i all_lf = _mm_set1_epi8('\n');
        __m128i bare = _mm_setzero_si128();
        for (const char *last = end - 32;; at = last - at > 32 ? at + 32 : last) {
            __m128i first = _mm_andnot_si128(_mm_cmpeq_epi8(scan_block(at + 1), all_lf),
                                             _mm_cmpeq_epi8(scan_block(at), all_cr));
            __m128i second = _mm_andnot_si128(_mm_cmpeq_epi8(scan_block(at + 17), all_lf),
                                              _mm_cmpeq_epi8(scan_block(at + 16), all_cr));
            bare = _mm_or_si128(bare, _mm_or_si128(first, second));
            if (at == last)
                return _mm_movemask_epi8(bare) != 0;
        }
    }
#endif
    for (; at < end; at++)
        if (at[0] == '\r' && at[1] != '\n')
            return true;
    return false;
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
