// SPDX-License-Identifier: Apache-2.0
/* handle.h - what is remembered of a library's handles (MYSQL *, CURL *), by their addresses.
 *
 * A handle's layout is its library's own affair, so what we know of one lies in an object of ours,
 * found by the address. The table is bounded and has no lock: a window of entries around the
 * address's hash, and when the window is full the handle is not remembered. Addresses are used
 * again, so an object must be dropped before the library frees the handle.
 *
 * A library's handle is used by one thread at a time, and so is its object; different handles
 * never meet but in the table's words. Objects come from a slab and stay mapped: a stale pointer
 * points at an object of the same kind. */
#ifndef AGENT_HANDLE_H
#define AGENT_HANDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slab.h"

#define HANDLE_TABLE_ENTRIES 4096 /* a power of two */
#define HANDLE_WINDOW        32   /* entries looked at for one address */

/* Each object begins with this. */
struct handle {
    uint64_t link; /* the slab's, while the object is free */
    const void *address;
    uint32_t index;      /* the slab's */
    uint32_t generation; /* another one for each handle, also at the same address; never 0 */
};

struct handle_entry {
    _Atomic uintptr_t address; /* 0: free */
    /* Release when the object is ready, acquire when it is found: the thread that finds it may be
     * another than the one that made it, by the application's own means of handing over. */
    _Atomic(struct handle *) handle;
};

struct handle_table {
    struct slab slab;
    size_t object_bytes;
    struct handle_entry *entries; /* HANDLE_PLACES of them */
};

#define HANDLE_PLACES (HANDLE_TABLE_ENTRIES + HANDLE_WINDOW)

/* A table of objects of that size. Its entries lie apart, because zeros beside something that is
 * not would lie in the file and become resident in programs that have no handle. */
#define HANDLE_TABLE(name, bytes, per_chunk)                                                       \
    static struct handle_entry name##_entries[HANDLE_PLACES];                                      \
    static struct handle_table name = {                                                            \
        .slab = SLAB_INIT(bytes, per_chunk, HANDLE_TABLE_ENTRIES),                                 \
        .object_bytes = (bytes),                                                                   \
        .entries = name##_entries,                                                                 \
    }

/* The object of that address, or NULL. */
void *handle_find(struct handle_table *table, const void *address);

/* A fresh object for that address, zeroed behind its struct handle; what was remembered of the
 * address before is dropped, because a new handle lies there now. NULL when there is no room. */
void *handle_make(struct handle_table *table, const void *address);

void handle_drop(struct handle_table *table, const void *address);

/* Calls visit() with every object that is there. Who uses one meanwhile is not kept from it. */
void handle_each(struct handle_table *table, void (*visit)(const void *object));

#endif
