// SPDX-License-Identifier: Apache-2.0
#include "agent/base/handle.h"

#include <string.h>

static _Atomic uint32_t generations; /* numbers only, so relaxed */

static struct handle_entry *window(struct handle_table *table, uintptr_t address)
{
    /* Fibonacci hashing: allocators hand out multiples of 16. */
    uint64_t hash = ((uint64_t)address >> 4) * 0x9e3779b97f4a7c15u;
    return &table->entries[hash >> 32 & (HANDLE_TABLE_ENTRIES - 1)];
}

static struct handle_entry *entry_of(struct handle_table *table, const void *address)
{
    struct handle_entry *entry = window(table, (uintptr_t)address);
    for (unsigned i = 0; i < HANDLE_WINDOW; i++, entry++)
        if (atomic_load_explicit(&entry->address, memory_order_relaxed) == (uintptr_t)address)
            return entry;
    return NULL;
}

void *handle_find(struct handle_table *table, const void *address)
{
    struct handle_entry *entry = address ? entry_of(table, address) : NULL;
    return entry ? atomic_load_explicit(&entry->handle, memory_order_acquire) : NULL;
}

static struct handle_entry *claim(struct handle_table *table, uintptr_t address)
{
    struct handle_entry *entry = window(table, address);
    for (unsigned i = 0; i < HANDLE_WINDOW; i++, entry++) {
        uintptr_t none = 0;
        /* Acquire pairs with the release in handle_drop: the entry's pointer is NULL again. */
        if (atomic_load_explicit(&entry->address, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong_explicit(&entry->address, &none, address,
                                                    memory_order_acquire, memory_order_relaxed))
            return entry;
    }
    return NULL;
}

static uint32_t next_generation(void)
{
    uint32_t generation;
    do
        generation = atomic_fetch_add_explicit(&generations, 1, memory_order_relaxed) + 1;
    while (generation == 0);
    return generation;
}

void *handle_make(struct handle_table *table, const void *address)
{
    handle_drop(table, address);
    uint32_t index;
    struct handle *handle = address ? slab_take(&table->slab, &index) : NULL;
    if (!handle)
        return NULL;
    struct handle_entry *entry = claim(table, (uintptr_t)address);
    if (!entry) {
        slab_give(&table->slab, index);
        return NULL;
    }
    memset((char *)handle + sizeof *handle, 0, table->object_bytes - sizeof *handle);
    handle->address = address;
    handle->index = index;
    handle->generation = next_generation();
    atomic_store_explicit(&entry->handle, handle, memory_order_release);
    return handle;
}

void handle_drop(struct handle_table *table, const void *address)
{
    struct handle_entry *entry = address ? entry_of(table, address) : NULL;
    if (!entry)
        return;
    struct handle *handle = atomic_exchange_explicit(&entry->handle, NULL, memory_order_acquire);
    atomic_store_explicit(&entry->address, 0, memory_order_release);
    if (handle)
        slab_give(&table->slab, handle->index);
}

void handle_each(struct handle_table *table, void (*visit)(const void *object))
{
    /* Most programs have none: to look at the places would only make them resident. Relaxed:
     * whoever makes one now is not told of, either way. */
    bool any = atomic_load_explicit(&table->slab.fresh, memory_order_relaxed) != 0;
    for (size_t i = 0; any && i < HANDLE_PLACES; i++) {
        const void *object = atomic_load_explicit(&table->entries[i].handle, memory_order_acquire);
        if (object)
            visit(object);
    }
}
