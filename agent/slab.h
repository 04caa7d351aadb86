// SPDX-License-Identifier: Apache-2.0
/* slab.h - objects of one size, from mmap, taken and given back without a lock.
 *
 * Connections and the buffers of split heads come and go with the load. Memory is mapped in
 * chunks when first needed and never unmapped, so that a stale pointer always points at an
 * object of its own type (it then finds another generation in it). The last one given back is
 * the first one taken: few pages stay warm. */
#ifndef AGENT_SLAB_H
#define AGENT_SLAB_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_CHUNKS 256

struct slab {
    size_t object_bytes;  /* a multiple of 64, at least 64 */
    uint32_t chunk_shift; /* a chunk has 1 << chunk_shift objects */
    uint32_t limit;       /* objects in all, at most SLAB_CHUNKS chunks of them */
    /* Index + 1 of the first free object in the low half, a tag against ABA in the high half.
     * Acquire on pop pairs with release on push: the next-free word is seen. */
    _Atomic uint64_t free_list;
    _Atomic uint32_t fresh; /* objects handed out for the first time so far */
    _Atomic(unsigned char *) chunks[SLAB_CHUNKS];
};

/* `per_chunk`: a power of 2. */
#define SLAB_INIT(bytes, per_chunk, most)                                                          \
    {                                                                                              \
        .object_bytes = (bytes), .chunk_shift = __builtin_ctz(per_chunk), .limit = (most)          \
    }

/* Uses `count` objects of zeroed memory that belongs to somebody else instead of mapping any.
 * Before threads use the slab. */
void slab_adopt(struct slab *slab, void *memory, size_t object_bytes, uint32_t count);

/* An object with unspecified content (zero when it is fresh), and its index; NULL when the slab
 * is at its limit or memory can't be had. The first 8 bytes of every object are the slab's, also
 * while it is taken: a thread that lost a race still looks at them. */
void *slab_take(struct slab *slab, uint32_t *index);
void slab_give(struct slab *slab, uint32_t index);

/* An object that has been taken before. */
static inline void *slab_at(struct slab *slab, uint32_t index)
{
    /* Acquire pairs with the release by who mapped it. */
    unsigned char *chunk =
        atomic_load_explicit(&slab->chunks[index >> slab->chunk_shift], memory_order_acquire);
    uint32_t place = index & ((UINT32_C(1) << slab->chunk_shift) - 1);
    return chunk + place * slab->object_bytes;
}

#endif
