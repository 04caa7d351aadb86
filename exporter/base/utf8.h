// SPDX-License-Identifier: Apache-2.0
/* utf8.h - text that any collector accepts.
 *
 * A protobuf string must be valid UTF-8; one bad byte makes a collector refuse the whole batch.
 * Text of applications is whatever bytes they sent, so each text passes through here. Nearly all
 * is short ASCII and is only looked at, eight bytes a step, without a call. */
#ifndef EXPORTER_UTF8_H
#define EXPORTER_UTF8_H

#include <stdint.h>

#include "agent/base/slice.h"

/* Scratch bytes that utf8_clean() needs for a text of n bytes: U+FFFD takes three. */
#define UTF8_SCRATCH(n) ((size_t)(n)*3)

/* Text that may hold more than ASCII, or NUL. Behaves as utf8_clean(). */
struct slice utf8_clean_any(struct slice text, size_t limit, char *scratch);

/* False where a byte is NUL or not ASCII, and, because a borrow runs on from byte to byte, for
 * some words with \1: the caller then looks more closely. */
static inline bool utf8_plain_word(uint64_t word)
{
    return ((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) == 0;
}

/* Whether all bytes are ASCII and none is NUL; may be false where it need not. The last word
 * overlaps the one before it, so that nothing past the text is read. */
static inline bool utf8_plain(struct slice text)
{
    uint64_t word;
    uint32_t halves[2];
    if (text.length < sizeof *halves) {
        for (size_t i = 0; i < text.length; i++)
            if ((signed char)text.at[i] <= 0)
                return false;
        return true;
    }
    if (text.length < sizeof word) {
        memcpy(&halves[0], text.at, sizeof *halves);
        memcpy(&halves[1], text.at + text.length - sizeof *halves, sizeof *halves);
        return utf8_plain_word((uint64_t)halves[0] << 32 | halves[1]);
    }
    for (size_t at = 0; at + sizeof word < text.length; at += sizeof word) {
        memcpy(&word, text.at + at, sizeof word);
        if (!utf8_plain_word(word))
            return false;
    }
    memcpy(&word, text.at + text.length - sizeof word, sizeof word);
    return utf8_plain_word(word);
}

/* `text` cut to `limit` characters, each maximal invalid sequence replaced by U+FFFD (Unicode,
 * 3.9, "substitution of maximal subparts"), and so NUL, at which C programs would cut the text.
 * Returns a part of `text` where nothing had to be replaced, else `scratch`. */
static inline struct slice utf8_clean(struct slice text, size_t limit, char *scratch)
{
    if (!utf8_plain(text))
        return utf8_clean_any(text, limit, scratch);
    if (text.length > limit)
        text.length = limit;
    return text;
}

#endif
