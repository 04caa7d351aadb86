// SPDX-License-Identifier: Apache-2.0
/* memcached_words.h - what both directions of memcached's text protocol are made of: lines of
 * words, and data blocks.
 *
 * Bytes may end anywhere; PARSE_MORE and WORDS_MORE ask for the next ones, with the same struct. Of
 * a word the first MEMCACHED_KEPT_BYTES are kept, and two hashes of all of it. A line has no length
 * of its own: a `get` of a thousand keys is one. A data block goes by under a countdown. */
#ifndef AGENT_MEMCACHED_WORDS_H
#define AGENT_MEMCACHED_WORDS_H

#include <stdint.h>

#include "agent/base/parse.h"
#include "agent/base/slice.h"
#include "agent/text/stored_key.h"

#define MEMCACHED_KEPT_BYTES (STORED_KEY_BYTES - 1)

enum words_event { WORDS_MORE, WORDS_WORD, WORDS_LINE };

/* All zero is at the beginning of a line. */
struct memcached_words {
    uint32_t count;  /* words of the line so far, the one that WORDS_WORD told included */
    uint32_t length; /* of the word; of one that is longer than 2^32 - 1, that */
    uint32_t hash;
    uint32_t hash_behind; /* without its first byte */
    bool in_word;
    bool has_cr;  /* a `\r`, of which it is not known whether it ends the line */
    bool is_over; /* the line is */
    uint8_t kept_length;
    char kept[MEMCACHED_KEPT_BYTES];
};

enum words_event memcached_words_read(struct memcached_words *words, struct slice *bytes);

/* The word of WORDS_WORD, or the part of it that is kept. */
static inline struct slice memcached_word(const struct memcached_words *words)
{
    return (struct slice){words->kept, words->kept_length};
}

static inline bool memcached_word_is_cut(const struct memcached_words *words)
{
    return words->length > words->kept_length;
}

/* The word as a number of bytes, and of the `\r\n` behind them; 0: it is none. */
uint64_t memcached_word_block(const struct memcached_words *words);

/* A block of *left bytes, `\r\n` included: takes them off. PARSE_BAD: it ends otherwise. */
enum parse memcached_block_read(uint64_t *left, struct slice *bytes);
/* Bytes of it that nobody saw; false where more went by than its data. */
bool memcached_block_skip(uint64_t *left, uint64_t bytes);

#endif
