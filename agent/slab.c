// SPDX-License-Identifier: Apache-2.0
#include "agent/slab.h"

#include <stdbool.h>
#include <sys/mman.h>

/* Is there memory for it? */
static bool map_chunk(struct slab *slab, uint32_t index)
{
    _Atomic(unsigned char *) *place = &slab->chunks[index >> slab->chunk_shift];
    unsigned char *chunk = atomic_load_explicit(place, memory_order_acquire);
    if (chunk)
        return true;

    size_t bytes = slab->object_bytes << slab->chunk_shift;
    void *fresh = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fresh == MAP_FAILED)
        return false;
    /* Release pairs with the acquire in slab_at(); a thread that lost the race uses the winner's.
     */
    if (!atomic_compare_exchange_strong_explicit(place, &chunk, fresh, memory_order_acq_rel,
                                                 memory_order_acquire))
        munmap(fresh, bytes);
    return true;
}

void slab_adopt(struct slab *slab, void *memory, size_t object_bytes, uint32_t count)
{
    slab->object_bytes = object_bytes;
    slab->chunk_shift = 31; /* all in the first chunk */
    slab->limit = count;
    atomic_store_explicit(&slab->free_list, 0, memory_order_relaxed);
    atomic_store_explicit(&slab->fresh, 0, memory_order_relaxed);
    atomic_store_explicit(&slab->chunks[0], memory, memory_order_release);
}

/* The word that links a free object to the next. A taker that lost the race may read it when the
 * object is in use already; what it read is then thrown away. */
static _Atomic uint32_t *link_of(void *object)
{
    return object;
}

void *slab_take(struct slab *slab, uint32_t *index)
{
    uint64_t list = atomic_load_explicit(&slab->free_list, memory_order_acquire);
    while ((uint32_t)list) {
        uint32_t first = (uint32_t)list - 1;
        void *object = slab_at(slab, first);
        uint32_t next = atomic_load_explicit(link_of(object), memory_order_relaxed);
        uint64_t rest = ((list >> 32) + 1) << 32 | next;
        if (atomic_compare_exchange_weak_explicit(&slab->free_list, &list, rest,
                                                  memory_order_acquire, memory_order_acquire)) {
            *index = first;
            return object;
        }
    }
    uint32_t fresh = atomic_load_explicit(&slab->fresh, memory_order_relaxed);
    do {
        if (fresh >= slab->limit || !map_chunk(slab, fresh))
            return NULL;
    } while (!atomic_compare_exchange_weak_explicit(&slab->fresh, &fresh, fresh + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    *index = fresh;
    return slab_at(slab, fresh);
}

void slab_give(struct slab *slab, uint32_t index)
{
    void *object = slab_at(slab, index);
    uint64_t list = atomic_load_explicit(&slab->free_list, memory_order_relaxed);
    uint64_t rest;
    do {
        atomic_store_explicit(link_of(object), (uint32_t)list, memory_order_relaxed);
        rest = ((list >> 32) + 1) << 32 | (index + 1);
    } while (!atomic_compare_exchange_weak_explicit(&slab->free_list, &list, rest,
                                                    memory_order_release, memory_order_relaxed));
}
