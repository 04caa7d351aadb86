// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/memcached/memcached_words.h"

#define FNV_BASIS   2166136261u
#define FNV_PRIME   16777619u
#define DIGITS_MOST 10
#define END_BYTES   2 /* of a block: \r\n */

static char take(struct slice *bytes)
{
    char c = bytes->at[0];
    *bytes = slice_after(*bytes, 1);
    return c;
}

static void add(struct memcached_words *words, char c)
{
    if (!words->in_word) {
        words->in_word = true;
        words->length = 0;
        words->kept_length = 0;
        words->hash = FNV_BASIS;
        words->hash_behind = FNV_BASIS;
    }
    words->hash = (words->hash ^ (unsigned char)c) * FNV_PRIME;
    if (words->length)
        words->hash_behind = (words->hash_behind ^ (unsigned char)c) * FNV_PRIME;
    words->length += words->length != UINT32_MAX;
    if (words->kept_length < MEMCACHED_KEPT_BYTES)
        words->kept[words->kept_length++] = c;
}

static enum words_event end_word(struct memcached_words *words)
{
    words->in_word = false;
    words->count++;
    return WORDS_WORD;
}

/* The last word of a line is told before the line's end is taken. */
enum words_event memcached_words_read(struct memcached_words *words, struct slice *bytes)
{
    if (words->is_over) {
        words->is_over = false;
        words->count = 0;
    }
    while (bytes->length) {
        char c = bytes->at[0];
        if (c == '\n' && words->in_word)
            return end_word(words);
        if (c == '\n') {
            (void)take(bytes);
            words->has_cr = false;
            words->is_over = true;
            return WORDS_LINE;
        }
        if (words->has_cr) { /* it was a byte as any other */
            words->has_cr = false;
            add(words, '\r');
            continue;
        }
        (void)take(bytes);
        if (c == '\r')
            words->has_cr = true;
        else if (c != ' ')
            add(words, c);
        else if (words->in_word)
            return end_word(words);
    }
    return WORDS_MORE;
}

uint64_t memcached_word_block(const struct memcached_words *words)
{
    uint64_t number = 0;
    if (words->length > DIGITS_MOST)
        return 0;
    for (size_t i = 0; i < words->length; i++) {
        if (words->kept[i] < '0' || words->kept[i] > '9')
            return 0;
        number = number * 10 + (uint64_t)(words->kept[i] - '0');
    }
    return number + END_BYTES;
}

enum parse memcached_block_read(uint64_t *left, struct slice *bytes)
{
    uint64_t data = *left > END_BYTES ? *left - END_BYTES : 0;
    size_t length = data < bytes->length ? (size_t)data : bytes->length;
    *bytes = slice_after(*bytes, length);
    *left -= length;
    while (bytes->length && *left) {
        if (take(bytes) != (*left == END_BYTES ? '\r' : '\n'))
            return PARSE_BAD;
        --*left;
    }
    return *left ? PARSE_MORE : PARSE_OK;
}

bool memcached_block_skip(uint64_t *left, uint64_t bytes)
{
    if (*left < END_BYTES || bytes > *left - END_BYTES)
        return false;
    *left -= bytes;
    return true;
}
