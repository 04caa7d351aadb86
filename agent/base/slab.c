// SPDX-License-Identifier: Apache-2.0
#include "agent/base/slab.h"

#include <stdbool.h>
#include <sys/mman.h>

/* So many stay as they are: what comes and goes shall not cost a system call and page faults. */
#define FREE_KEPT 64

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
    atomic_store_explicit(&slab->trimmed_list, 0, memory_order_relaxed);
    atomic_store_explicit(&slab->trimmed, 0, memory_order_relaxed);
    atomic_store_explicit(&slab->fresh, 0, memory_order_relaxed);
    atomic_store_explicit(&slab->chunks[0], memory, memory_order_release);
}

__attribute__((noinline)) void *slab_take_another(struct slab *slab, uint32_t *index)
{
    void *trimmed = slab_pop(slab, &slab->trimmed_list, index);
    if (trimmed) {
        atomic_fetch_sub_explicit(&slab->trimmed, 1, memory_order_relaxed);
        return trimmed;
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

/* The length of the list of free objects, about: others change it meanwhile, so that it may lead
 * into objects that are in use, and whose first word is not theirs alone. */
static uint32_t count_free(struct slab *slab, uint32_t used)
{
    uint32_t count = 0;
    uint32_t next = (uint32_t)atomic_load_explicit(&slab->free_list, memory_order_acquire);
    while (next && next <= used && count < used) {
        count++;
        next = atomic_load_explicit(slab_link(slab_at(slab, next - 1)), memory_order_relaxed);
    }
    return count;
}

void slab_trim(struct slab *slab, void (*give_back)(uint32_t index))
{
    uint32_t used = atomic_load_explicit(&slab->fresh, memory_order_relaxed);
    if (used <= FREE_KEPT)
        return;
    uint32_t trimmed = atomic_load_explicit(&slab->trimmed, memory_order_relaxed);
    uint32_t free = count_free(slab, used);
    uint32_t at_work = free + trimmed < used ? used - free - trimmed : 0;
    if (free <= FREE_KEPT || free / 2 < at_work)
        return;
    uint32_t index;
    while (free-- > FREE_KEPT && slab_pop(slab, &slab->free_list, &index)) {
        give_back(index);
        atomic_fetch_add_explicit(&slab->trimmed, 1, memory_order_relaxed);
        slab_push(slab, &slab->trimmed_list, index);
    }
}
