// SPDX-License-Identifier: Apache-2.0
/* memo.h - encoded bytes that are wanted again.
 *
 * Requests repeat: what follows from their facts (plan.h) is found and encoded once, and copied
 * from then on. A key is found by its hash and believed only where every byte of it is the same, so
 * a stranger's record can't change what is said of others; the worst that one does is to take a
 * place. The number of places is fixed, a new key takes that of an old one, and memory counts only
 * once it is used. One thread. */
#ifndef EXPORTER_MEMO_H
#define EXPORTER_MEMO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/describe/plan.h"

#define MEMO_SETS       256
#define MEMO_WAYS       4    /* places of a set, any of which a key may have */
#define MEMO_SLOT_BYTES 1024 /* of a place: key, bytes and what tells them */

struct memo_set {
    uint64_t hashes[MEMO_WAYS]; /* 0: free */
    uint64_t next;              /* the place that is taken next */
};

struct memo_slot {
    uint64_t words[4]; /* of the key */
    size_t lengths[2]; /* of its texts, which lie first; then what is remembered */
    unsigned char bytes[];
};

struct memo {
    struct memo_set *sets; /* NULL: nothing is remembered */
    unsigned char *slots;
    uint64_t seed;
    /* What was found last of each part, and is looked at first; NULL: nothing yet. */
    const struct memo_slot *last[DESCRIBE_PARTS];
};

#define MEMO_BYTES                                                                                 \
    (MEMO_SETS * sizeof(struct memo_set) + (size_t)MEMO_SETS * MEMO_WAYS * MEMO_SLOT_BYTES)

/* Empties it. `memory` has MEMO_BYTES and is aligned to 8; only what is needed is touched. */
void memo_init(struct memo *memo, void *memory);

static inline uint64_t memo_load64(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint64_t memo_load32(const char *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

#define MEMO_SHORT_MOST 32 /* bytes of a text that is compared without a call */

static inline bool memo_same_text(const unsigned char *bytes, struct slice text)
{
    const char *at = text.at;
    const char *there = (const char *)bytes;
    size_t left = text.length;
    uint64_t other = 0;
    if (!left)
        return true;
    if (left > MEMO_SHORT_MOST)
        return memcmp(there, at, left) == 0;
    for (; left > 16; at += 8, there += 8, left -= 8)
        other |= memo_load64(at) ^ memo_load64(there);
    if (left >= 8) {
        other |= memo_load64(at) ^ memo_load64(there);
        return !(other | (memo_load64(at + left - 8) ^ memo_load64(there + left - 8)));
    }
    if (left >= 4)
        return !((memo_load32(at) ^ memo_load32(there)) |
                 (memo_load32(at + left - 4) ^ memo_load32(there + left - 4)));
    for (; left; at++, there++, left--)
        other |= (unsigned char)(*at ^ *there);
    return !other;
}

/* Every byte of it. */
static inline bool memo_is_of(const struct memo_slot *slot, const struct describe_key *key)
{
    const uint64_t *a = slot->words;
    const uint64_t *b = key->words;
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] &&
           slot->lengths[0] == key->texts[0].length && slot->lengths[1] == key->texts[1].length &&
           memo_same_text(slot->bytes, key->texts[0]) &&
           (!key->texts[1].length || memo_same_text(slot->bytes + slot->lengths[0], key->texts[1]));
}

static inline const unsigned char *memo_told(const struct memo_slot *slot)
{
    return slot->bytes + slot->lengths[0] + slot->lengths[1];
}

const unsigned char *memo_find_by_hash(struct memo *memo, const struct describe_key *key,
                                       unsigned part, uint64_t *hash);

/* What is remembered of that key, which is of that part; NULL: nothing, and *hash is for
 * memo_take(). It stays until then. */
static inline const unsigned char *memo_find(struct memo *memo, const struct describe_key *key,
                                             unsigned part, uint64_t *hash)
{
    const struct memo_slot *last = memo->last[part];
    return last && memo_is_of(last, key) ? memo_told(last)
                                         : memo_find_by_hash(memo, key, part, hash);
}

/* Where to write so many bytes that are remembered of a key that was not found; NULL: too many. */
unsigned char *memo_take(struct memo *memo, const struct describe_key *key, uint64_t hash,
                         size_t length);

#endif
