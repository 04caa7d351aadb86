// SPDX-License-Identifier: Apache-2.0
#include "hooks/originals/library.h"

#include <limits.h>
#include <link.h>

#include "hooks/originals/image.h"
#include "hooks/originals/loader_lock.h"

_Atomic unsigned library_age = 1;

/* How many objects were there when the program started; UINT_MAX until that is known. Written
 * before any of them can go: they never do. */
static _Atomic unsigned start_count = UINT_MAX;

/* Our own, which no other object has. */
extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

struct search {
    const char *symbol;
    const char *version;
    const char *names;
    unsigned named_from; /* objects from this position on count only by their names */
    bool behind_us;      /* our own object has been passed */
    void *found;

    unsigned position;           /* of the next object, in the loader's order */
    const struct link_map *next; /* likewise, of those that were there at the start; else NULL */
};

/* True where the search is over. */
static bool look_at(struct search *search, const struct object *object)
{
    struct image image;
    bool by_name = search->position++ >= search->named_from;
    if (!search->behind_us) {
        search->behind_us = object->dynamic == _DYNAMIC;
        return false;
    }
    if (by_name && search->names && !object_is_named(object->name, search->names))
        return false;
    if (image_open(&image, object))
        search->found = image_find(&image, search->symbol, search->version);
    return search->found != NULL;
}

static bool look_at_start(struct search *search, unsigned count)
{
    for (search->next = loader_objects(); search->next && search->position < count;
         search->next = search->next->l_next) {
        struct object object = loader_object(search->next);
        if (look_at(search, &object))
            return true;
    }
    return false;
}

struct late {
    struct search *search;
    const struct link_map *known; /* the next object that has been looked at */
    unsigned left;                /* so many of those are to come */
};

/* A program may keep a list of its own in place of dl_iterate_phdr(), without what we know. */
static int look_at_late(struct dl_phdr_info *info, size_t size, void *data)
{
    struct late *late = data;
    struct object object = {info->dlpi_addr, NULL, info->dlpi_name ? info->dlpi_name : ""};
    (void)size;
    if (late->left && late->known->l_addr == info->dlpi_addr) {
        late->known = late->known->l_next;
        late->left--;
        return 0;
    }
    late->left = 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            object.dynamic = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return look_at(late->search, &object);
}

static void look_under_the_lock(struct search *search, unsigned position)
{
    struct late late = {search, loader_objects(), loader_objects() ? position : 0};
    search->position = position;
    loader_lock_begin();
    dl_iterate_phdr(look_at_late, &late);
    loader_lock_end();
}

/* What a thread that is not here was about to take out may be in the list still. */
static void look_without_the_lock(struct search *search)
{
    for (; search->next; search->next = search->next->l_next) {
        struct object object = loader_object(search->next);
        if (loader_maps(object.dynamic) && look_at(search, &object))
            return;
    }
}

static void *find(struct search search)
{
    if (look_at_start(&search, atomic_load_explicit(&start_count, memory_order_relaxed)))
        return search.found;
    if (loader_lock_is_lost() && loader_objects()) {
        look_without_the_lock(&search);
        return search.found;
    }
    unsigned position = search.position;
    look_under_the_lock(&search, position);
    if (!search.behind_us) { /* a list without us */
        search.behind_us = true;
        look_under_the_lock(&search, position);
    }
    return search.found;
}

void *library_find(const char *symbol, const char *version, const char *names)
{
    library_started();
    return find((struct search){
        .symbol = symbol,
        .version = version,
        .names = names,
        .named_from = atomic_load_explicit(&start_count, memory_order_relaxed),
    });
}

void *library_find_in(const char *symbol, const char *version, const char *names)
{
    library_started();
    return find((struct search){.symbol = symbol, .version = version, .names = names});
}

void *library_find_anywhere(const char *symbol, const char *names)
{
    library_started();
    return find((struct search){.symbol = symbol, .names = names, .behind_us = true});
}

bool library_replaced(const char *symbol, const char *names)
{
    unsigned count = atomic_load_explicit(&start_count, memory_order_relaxed);
    const struct link_map *map = loader_objects();
    for (unsigned i = 0; map && i < count; i++, map = map->l_next) {
        struct image image;
        struct object object = loader_object(map);
        if (image_open(&image, &object) && image_find(&image, symbol, NULL))
            return !object_is_named(object.name, names);
    }
    return false;
}

struct library_place library_elsewhere(const char *symbol)
{
    bool behind_us = false;
    unsigned count = atomic_load_explicit(&start_count, memory_order_relaxed);
    const struct link_map *map = loader_objects();
    for (unsigned i = 0; map && i < count; i++, map = map->l_next) {
        struct image image;
        struct object object = loader_object(map);
        behind_us |= object.dynamic == _DYNAMIC;
        if (object.dynamic == _DYNAMIC || !image_open(&image, &object))
            continue;
        void *found = image_find(&image, symbol, NULL);
        if (found)
            return (struct library_place){found, object.name, !behind_us};
    }
    return (struct library_place){.address = NULL};
}

static int count_one(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)info;
    (void)size;
    ++*(unsigned *)data;
    return 0;
}

void library_started(void)
{
    unsigned objects = 0;
    if (atomic_load_explicit(&start_count, memory_order_relaxed) != UINT_MAX)
        return;
    const struct link_map *map = loader_objects();
    if (!map)
        dl_iterate_phdr(count_one, &objects);
    for (; map; map = map->l_next)
        objects++;
    atomic_store_explicit(&start_count, objects, memory_order_relaxed);
}

unsigned library_start_count(void)
{
    library_started();
    return atomic_load_explicit(&start_count, memory_order_relaxed);
}

void library_closed(void)
{
    atomic_fetch_add_explicit(&library_age, 1, memory_order_acq_rel);
}
