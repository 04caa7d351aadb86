// SPDX-License-Identifier: Apache-2.0
#include "agent/text/redact_prose.h"

#include "agent/base/http1_scan.h"
#include "agent/text/redact_shape.h"
#include "agent/text/redact_sieve.h"
#include "agent/text/redact_words.h"

/* Without `=`, `:` and `%` no key has a value and no user a password. */
static bool has_no_mark(struct slice text)
{
    return slice_find(text, '=') == text.length && slice_find(text, ':') == text.length &&
           slice_find(text, '%') == text.length;
}

#ifdef __SSE2__
/* Secrets by shape are that long without a `/`, `;`, space or another of the characters before `+`.
 * Only a scheme's credentials may be shorter, and those begin with a `b`; a webhook's URL has
 * marks.
 */
#define RUN_BYTES 15

static inline __m128i equal(__m128i block, char c)
{
    return _mm_cmpeq_epi8(block, _mm_set1_epi8(c));
}

static inline unsigned bits(__m128i block)
{
    return (unsigned)_mm_movemask_epi8(block);
}

/* `b` of "bear" or "basi", of any case. */
static bool is_scheme(struct slice text, size_t at)
{
    if (text.length - at < 4)
        return false;
    char second = slice_lower(text.at[at + 1]);
    char fourth = slice_lower(text.at[at + 3]);
    return (second == 'e' && fourth == 'r') || (second == 'a' && fourth == 'i');
}

/* What a block of sixteen bytes says. */
struct seen {
    unsigned marks;
    unsigned ends; /* of runs */
    unsigned letters;
};

static inline struct seen look_at(const char *at)
{
    __m128i block = scan_block(at);
    __m128i marks =
        _mm_or_si128(_mm_or_si128(equal(block, '='), equal(block, ':')), equal(block, '%'));
    __m128i ends = _mm_or_si128(_mm_cmplt_epi8(block, _mm_set1_epi8('+')),
                                _mm_or_si128(equal(block, '/'), equal(block, ';')));
    __m128i letters = equal(_mm_or_si128(block, _mm_set1_epi8(0x20)), 'b');
    return (struct seen){bits(marks), bits(ends), bits(letters)};
}

/* Of a text of sixteen bytes or more. The last block overlaps the one before it. */
static bool is_plain(struct slice text)
{
    unsigned run = 0;
    for (size_t at = 0; at < text.length; at += 16) {
        size_t left = text.length - at;
        unsigned again = left < 16 ? (unsigned)(16 - left) : 0; /* bytes seen already */
        struct seen seen = look_at(text.at + at - again);
        unsigned ends = seen.ends >> again;
        for (unsigned letters = seen.letters; letters; letters &= letters - 1)
            if (is_scheme(text, at - again + (unsigned)__builtin_ctz(letters)))
                return false;
        run += ends ? (unsigned)__builtin_ctz(ends) : 16 - again;
        if (seen.marks || run >= RUN_BYTES)
            return false;
        if (ends)
            run = (unsigned)__builtin_clz(ends << (16 + again));
    }
    return run < RUN_BYTES;
}
#endif

__attribute__((noinline)) static bool is_long_prose(const struct redact *redact, struct slice text)
{
#ifdef __SSE2__
    if (text.length >= 16 && is_plain(text))
        return true;
#endif
    return has_no_mark(text) && redact_words_shapeless(redact, text);
}

bool redact_prose(const struct redact *redact, struct slice text)
{
    if (text.length >= REDACT_SHAPE_LEAST)
        return is_long_prose(redact, text);
    uint64_t seen = 0;
    for (size_t i = 0; i < text.length; i++)
        seen |= redact->sieve[(unsigned char)text.at[i]];
    return !(seen & REDACT_SIEVE_MARK);
}
