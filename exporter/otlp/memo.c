// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/memo.h"

#include <string.h>

#include "agent/base/clock.h"

#define SLOT_ROOM (MEMO_SLOT_BYTES - sizeof(struct memo_slot))

static struct memo_slot *slot_at(const struct memo *memo, size_t set, size_t way)
{
    size_t number = set * MEMO_WAYS + way;
    return (struct memo_slot *)(void *)(memo->slots + number * MEMO_SLOT_BYTES);
}

/* ---- the hash ---- */

/* The halves of a 128-bit product, folded together: every bit of both reaches every bit. */
static inline uint64_t stir(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define ODD UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio */

void memo_init(struct memo *memo, void *memory)
{
    memo->sets = memory;
    memo->slots = (unsigned char *)memory + MEMO_SETS * sizeof *memo->sets;
    /* Of what a stranger does not know. Random numbers take a system call on a thread's first use,
     * and the thread makes the published ones only. */
    memo->seed = stir(clock_monotonic_ns() | 1, (uintptr_t)memory | 1);
    memset(memo->last, 0, sizeof memo->last);
    memset(memo->sets, 0, MEMO_SETS * sizeof *memo->sets);
}

/* Its length is in the key's words. The last two words may overlap those before. */
static inline uint64_t hash_text(uint64_t state, struct slice text)
{
    const char *at = text.at;
    size_t left = text.length;
    for (; left > 16; at += 16, left -= 16)
        state = stir(memo_load64(at) ^ state, memo_load64(at + 8) ^ ODD);
    if (left >= 8)
        return stir(memo_load64(at) ^ state, memo_load64(at + left - 8) ^ ODD);
    if (left >= 4)
        return stir(memo_load32(at) ^ state, memo_load32(at + left - 4) ^ ODD);
    for (; left; at++, left--)
        state = stir((unsigned char)*at ^ state, ODD);
    return state;
}

static inline uint64_t hash_key(const struct memo *memo, const struct describe_key *key)
{
    uint64_t state = stir(key->words[0] ^ memo->seed, key->words[1] ^ ODD);
    state = stir(key->words[2] ^ state, key->words[3] ^ ODD);
    state = hash_text(state, key->texts[0]);
    state = hash_text(state, key->texts[1]);
    return state | 1;
}

static inline size_t set_of(uint64_t hash)
{
    return hash >> 32 & (MEMO_SETS - 1);
}

/* ---- */

const unsigned char *memo_find_by_hash(struct memo *memo, const struct describe_key *key,
                                       unsigned part, uint64_t *hash)
{
    *hash = hash_key(memo, key);
    const struct memo_set *set = &memo->sets[set_of(*hash)];
    for (size_t way = 0; way < MEMO_WAYS; way++) {
        if (set->hashes[way] != *hash)
            continue;
        const struct memo_slot *slot = slot_at(memo, set_of(*hash), way);
        if (!memo_is_of(slot, key))
            continue;
        memo->last[part] = slot;
        return memo_told(slot);
    }
    return NULL;
}

unsigned char *memo_take(struct memo *memo, const struct describe_key *key, uint64_t hash,
                         size_t length)
{
    size_t texts = key->texts[0].length + key->texts[1].length;
    if (texts > SLOT_ROOM || length > SLOT_ROOM - texts)
        return NULL;
    struct memo_set *set = &memo->sets[set_of(hash)];
    size_t way = set->next++ % MEMO_WAYS;
    struct memo_slot *slot = slot_at(memo, set_of(hash), way);
    set->hashes[way] = hash;
    memcpy(slot->words, key->words, sizeof slot->words);
    unsigned char *at = slot->bytes;
    for (int i = 0; i < 2; i++) {
        slot->lengths[i] = key->texts[i].length;
        if (slot->lengths[i])
            memcpy(at, key->texts[i].at, slot->lengths[i]);
        at += slot->lengths[i];
    }
    return at;
}
