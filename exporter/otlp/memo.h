// SPDX-License-Identifier: Apache-2.0
/* memo.h - encoded bytes that are wanted again.
 *
 * Requests repeat: what follows from their facts (describe.h) is found and encoded once, and copied
 * from then on. A key is found by its hash and believed only where every byte of it is the same, so
 * a stranger's record can't change what is said of others; the worst that one does is to take a
 * place. The number of places is fixed, a new key takes that of an old one, and memory counts only
 * once it is used. One thread. */
#ifndef EXPORTER_MEMO_H
#define EXPORTER_MEMO_H

#include <stddef.h>
#include <stdint.h>

#include "agent/describe/describe.h"

#define MEMO_SETS       256
#define MEMO_WAYS       4    /* places of a set, any of which a key may have */
#define MEMO_SLOT_BYTES 1024 /* of a place: key, bytes and what tells them */

struct memo_set {
    uint64_t hashes[MEMO_WAYS]; /* 0: free */
    uint64_t next;              /* the place that is taken next */
};

struct memo {
    struct memo_set *sets; /* NULL: nothing is remembered */
    unsigned char *slots;
    uint64_t seed;
};

#define MEMO_BYTES                                                                                 \
    (MEMO_SETS * sizeof(struct memo_set) + (size_t)MEMO_SETS * MEMO_WAYS * MEMO_SLOT_BYTES)

/* Empties it. `memory` has MEMO_BYTES and is aligned to 8; only what is needed is touched. */
void memo_init(struct memo *memo, void *memory);

/* What is remembered of that key; NULL: nothing. It stays until the next memo_take(). *hash is for
 * that. */
const unsigned char *memo_find(const struct memo *memo, const struct describe_key *key,
                               uint64_t *hash);

/* Where to write so many bytes that are remembered of a key that was not found; NULL: too many. */
unsigned char *memo_take(struct memo *memo, const struct describe_key *key, uint64_t hash,
                         size_t length);

#endif
