// SPDX-License-Identifier: Apache-2.0
#include "hooks/library.h"

#include <limits.h>
#include <string.h>

#include "hooks/image.h"

_Atomic unsigned library_age = 1;

/* How many objects were there when the program started; UINT_MAX until that is known. Written
 * once, in the constructor. */
static _Atomic unsigned start_count = UINT_MAX;

struct search {
    const char *symbol;
    const char *version;
    const char *names;
    unsigned position;    /* of the object being looked at, in the loader's order */
    unsigned start_count; /* so many objects count whatever their names */
    bool behind_us;       /* our own object has been passed */
    void *found;
};

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool begins_with_one(const char *name, const char *beginnings)
{
    while (*beginnings) {
        size_t length = strcspn(beginnings, "|");
        if (strncmp(name, beginnings, length) == 0)
            return true;
        beginnings += length + (beginnings[length] == '|');
    }
    return false;
}

static int look_at(struct dl_phdr_info *object, size_t size, void *data)
{
    struct search *search = data;
    struct image image;
    (void)size;
    bool at_start = search->position++ < search->start_count;
    if (!search->behind_us) {
        search->behind_us = image_contains(object, &library_age);
        return 0;
    }
    if (!image_open(&image, object))
        return 0;
    if (at_start || !search->names || begins_with_one(file_name(object->dlpi_name), search->names))
        search->found = image_find(&image, search->symbol, search->version);
    return search->found != NULL;
}

static void *find(struct search search)
{
    dl_iterate_phdr(look_at, &search);
    if (search.behind_us)
        return search.found;
    /* A program that keeps a list of its own in place of dl_iterate_phdr() may not list us. */
    search.behind_us = true;
    search.position = 0;
    dl_iterate_phdr(look_at, &search);
    return search.found;
}

void *library_find(const char *symbol, const char *version, const char *names)
{
    return find((struct search){
        .symbol = symbol,
        .version = version,
        .names = names,
        .start_count = atomic_load_explicit(&start_count, memory_order_relaxed),
    });
}

void *library_find_in(const char *symbol, const char *version, const char *names)
{
    return find((struct search){.symbol = symbol, .version = version, .names = names});
}

void *library_find_anywhere(const char *symbol, const char *names)
{
    return find((struct search){.symbol = symbol, .names = names, .behind_us = true});
}

/* A search for the first definition of a symbol, our own and earlier objects included. */
struct first {
    const char *symbol;
    const char *names;
    unsigned position;
    unsigned start_count;
    bool elsewhere; /* it lies in a file of another name */
};

static int look_for_first(struct dl_phdr_info *object, size_t size, void *data)
{
    struct first *first = data;
    struct image image;
    (void)size;
    if (first->position++ >= first->start_count)
        return 1;
    if (!image_open(&image, object) || !image_find(&image, first->symbol, NULL))
        return 0;
    first->elsewhere = !begins_with_one(file_name(object->dlpi_name), first->names);
    return 1;
}

bool library_replaced(const char *symbol, const char *names)
{
    struct first first = {
        .symbol = symbol,
        .names = names,
        .start_count = atomic_load_explicit(&start_count, memory_order_relaxed),
    };
    dl_iterate_phdr(look_for_first, &first);
    return first.elsewhere;
}

struct elsewhere {
    const char *symbol;
    bool behind_us;
    struct library_place place;
};

static int look_elsewhere(struct dl_phdr_info *object, size_t size, void *data)
{
    struct elsewhere *search = data;
    struct image image;
    (void)size;
    if (image_contains(object, &library_age)) {
        search->behind_us = true;
        return 0;
    }
    void *found = image_open(&image, object) ? image_find(&image, search->symbol, NULL) : NULL;
    if (found)
        search->place = (struct library_place){found, object->dlpi_name, !search->behind_us};
    return found != NULL;
}

struct library_place library_elsewhere(const char *symbol)
{
    struct elsewhere search = {.symbol = symbol};
    dl_iterate_phdr(look_elsewhere, &search);
    return search.place;
}

static int count(struct dl_phdr_info *object, size_t size, void *data)
{
    (void)object;
    (void)size;
    ++*(unsigned *)data;
    return 0;
}

void library_started(void)
{
    unsigned objects = 0;
    if (atomic_load_explicit(&start_count, memory_order_relaxed) != UINT_MAX)
        return;
    dl_iterate_phdr(count, &objects);
    atomic_store_explicit(&start_count, objects, memory_order_relaxed);
}

/* The age is read before the search: if a library is closed meanwhile, the result is out of date
 * at once. Threads that search at the same time each have a caller bound to a library that is
 * still there, so whichever of them writes last leaves an address that is right. */
void *library_search(struct library_original *original)
{
    unsigned age = atomic_load_explicit(&library_age, memory_order_acquire);
    void *found = library_find(original->symbol, original->version, original->names);
    if (!found)
        found = library_find(original->symbol, original->version, NULL);
    if (!found)
        return NULL;
    atomic_store_explicit(&original->found, found, memory_order_relaxed);
    atomic_store_explicit(&original->age, age, memory_order_release);
    return found;
}

void library_closed(void)
{
    atomic_fetch_add_explicit(&library_age, 1, memory_order_acq_rel);
}
