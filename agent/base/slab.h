// SPDX-License-Identifier: Apache-2.0
/* slab.h - objects of one size, from mmap, taken and given back without a lock.
 *
 * Connections and requests come and go with the load. Memory is mapped in chunks when first needed
 * and never unmapped, so that a stale pointer always points at an object of its own type (it then
 * finds another generation in it). The last one given back is the first one taken: few pages stay
 * warm; what belongs to the others can be given back to the kernel: slab_trim(). */
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
    /* Likewise of those that were trimmed, which are taken when no other is left. */
    _Atomic uint64_t trimmed_list;
    _Atomic uint32_t trimmed; /* how many; a moment late */
    _Atomic uint32_t fresh;   /* objects handed out for the first time so far */
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

/* Where far more objects are free than in use, calls `give_back` for nearly all of the free ones,
 * one after the other, which nobody has meanwhile: to give memory that belongs to them to the
 * kernel. Any thread, but one at a time. A fork in the middle costs the child an object. */
void slab_trim(struct slab *slab, void (*give_back)(uint32_t index));

/* An object that has been taken before. */
static inline void *slab_at(struct slab *slab, uint32_t index)
{
    /* Acquire pairs with the release by who mapped it. */
    unsigned char *chunk =
        atomic_load_explicit(&slab->chunks[index >> slab->chunk_shift], memory_order_acquire);
    uint32_t place = index & ((UINT32_C(1) << slab->chunk_shift) - 1);
    return chunk + place * slab->object_bytes;
}

/* The word that links a free object to the next. A taker that lost the race may read it when the
 * object is in use already; what it read is then thrown away. */
static inline _Atomic uint32_t *slab_link(void *object)
{
    return object;
}

/* The first object of a list; NULL: it is empty. */
__attribute__((always_inline)) static inline void *slab_pop(struct slab *slab,
                                                            _Atomic uint64_t *from, uint32_t *index)
{
    uint64_t list = atomic_load_explicit(from, memory_order_acquire);
    while ((uint32_t)list) {
        uint32_t first = (uint32_t)list - 1;
        void *object = slab_at(slab, first);
        uint32_t next = atomic_load_explicit(slab_link(object), memory_order_relaxed);
        uint64_t rest = ((list >> 32) + 1) << 32 | next;
        if (atomic_compare_exchange_weak_explicit(from, &list, rest, memory_order_acquire,
                                                  memory_order_acquire)) {
            *index = first;
            return object;
        }
    }
    return NULL;
}

__attribute__((always_inline)) static inline void slab_push(struct slab *slab,
                                                            _Atomic uint64_t *onto, uint32_t index)
{
    void *object = slab_at(slab, index);
    uint64_t list = atomic_load_explicit(onto, memory_order_relaxed);
    uint64_t rest;
    do {
        atomic_store_explicit(slab_link(object), (uint32_t)list, memory_order_relaxed);
        rest = ((list >> 32) + 1) << 32 | (index + 1);
    } while (!atomic_compare_exchange_weak_explicit(onto, &list, rest, memory_order_release,
                                                    memory_order_relaxed));
}

/* Where the list of free ones is empty; for slab_take(). */
void *slab_take_another(struct slab *slab, uint32_t *index);

/* An object with unspecified content (zero when it is fresh), and its index; NULL when the slab
 * is at its limit or memory can't be had. The first 8 bytes of every object are the slab's, also
 * while it is taken: a thread that lost a race still looks at them. */
__attribute__((always_inline)) static inline void *slab_take(struct slab *slab, uint32_t *index)
{
    void *object = slab_pop(slab, &slab->free_list, index);
    return object ? object : slab_take_another(slab, index);
}

__attribute__((always_inline)) static inline void slab_give(struct slab *slab, uint32_t index)
{
    slab_push(slab, &slab->free_list, index);
}

#endif
