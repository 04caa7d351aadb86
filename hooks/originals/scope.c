// SPDX-License-Identifier: Apache-2.0
#include "hooks/originals/scope.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "hooks/originals/image.h"
#include "hooks/originals/library.h"
#include "hooks/originals/loader_lock.h"

#define PAGE_BYTES   4096
#define MOST_OBJECTS 512 /* of the list; what lies behind is not searched for what it needs */
#define MOST_FOUND   6   /* objects with the same function */
#define MOST_GLOBAL  64

/* Our own, which no other object has. */
extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

/* Hashes of the names of the files that were opened with RTLD_GLOBAL, in that order; 0: none yet.
 * A name stays when its file is closed, and counts again when it is opened anew. */
static _Atomic uint32_t global_files[MOST_GLOBAL];

struct candidate {
    const struct link_map *map;
    void *address;
};

struct search {
    struct scope *scope;
    const struct scope_wish *wish;
    uintptr_t caller;
    const ElfW(Dyn) * home; /* of the caller's object; NULL: it lies in none */
    unsigned start_count;
    bool is_locked; /* nothing goes from the list */
    bool is_done;
    uint8_t count;
    struct candidate found[MOST_FOUND];
    bool is_exact[MOST_FOUND]; /* of the version that was asked for */
    bool is_of_start[MOST_FOUND];
};

static uint32_t hash(const char *text)
{
    uint32_t value = 2166136261u; /* FNV-1a */
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 16777619u;
    return value ? value : 1;
}

void scope_opening(const char *file)
{
    uint32_t name = file ? hash(object_file(file)) : 0;
    for (int i = 0; name && i < MOST_GLOBAL; i++) {
        uint32_t there = 0;
        if (atomic_compare_exchange_strong(&global_files[i], &there, name) || there == name)
            return;
    }
}

static bool open_image(const struct search *search, const struct link_map *map, struct image *image)
{
    struct object object = loader_object(map);
    return (search->is_locked || loader_maps(map->l_ld)) && image_open(image, &object);
}

/* NULL where it has none. Apart, because callers may have little stack left. */
__attribute__((noinline)) static const char *strings_of(const struct search *search,
                                                        const struct link_map *map)
{
    struct image image;
    return open_image(search, map, &image) ? image.strings : NULL;
}

/* The next DT_NEEDED or DT_SONAME after `entry`, or NULL. */
static const char *next_name(const char *strings, const ElfW(Dyn) * *entry, ElfW(Sxword) tag)
{
    for (; strings && (*entry)->d_tag != DT_NULL; ++*entry)
        if ((*entry)->d_tag == tag)
            return strings + (*entry)++->d_un.d_val;
    return NULL;
}

static bool has_file_name(const struct link_map *map, const char *name)
{
    const char *path = map->l_name ? map->l_name : "";
    return strcmp(strchr(name, '/') ? path : object_file(path), name) == 0;
}

static bool has_soname(const struct search *search, const struct link_map *map, const char *name)
{
    const ElfW(Dyn) *entry = map->l_ld;
    const char *soname = next_name(strings_of(search, map), &entry, DT_SONAME);
    return soname && strcmp(soname, name) == 0;
}

static const struct link_map *find_needed(const struct search *search, const char *name,
                                          unsigned *index)
{
    const struct link_map *map = loader_objects();
    for (*index = 0; map; map = map->l_next, ++*index)
        if (has_file_name(map, name))
            return map;
    map = loader_objects();
    for (*index = 0; map; map = map->l_next, ++*index)
        if (has_soname(search, map, name))
            return map;
    return NULL;
}

static bool needs(const struct search *search, const struct link_map *map,
                  const struct link_map *other)
{
    const char *name, *strings = strings_of(search, map);
    const ElfW(Dyn) *entry = map->l_ld;
    while ((name = next_name(strings, &entry, DT_NEEDED)))
        if (has_file_name(other, name) || has_soname(search, other, name))
            return true;
    return false;
}

static void *defined_in(const struct search *search, const struct link_map *map, bool exact)
{
    for (unsigned i = 0; i < search->count; i++)
        if (search->found[i].map == map && search->is_exact[i] >= exact)
            return search->found[i].address;
    return NULL;
}

/* Looks at what `map` needs, and notes what is to be looked at itself: objects of the start need
 * only such. */
static void *step(const struct search *search, const struct link_map *map, bool exact,
                  uint64_t *reached)
{
    const char *name, *strings = strings_of(search, map);
    const ElfW(Dyn) *entry = map->l_ld;
    while ((name = next_name(strings, &entry, DT_NEEDED))) {
        unsigned index;
        const struct link_map *needed = find_needed(search, name, &index);
        void *address = needed ? defined_in(search, needed, exact) : NULL;
        if (address)
            return address;
        if (needed && index >= search->start_count && index < MOST_OBJECTS)
            reached[index / 64] |= UINT64_C(1) << index % 64;
    }
    return NULL;
}

static unsigned count_reached(const uint64_t *reached)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MOST_OBJECTS / 64; i++)
        count += (unsigned)__builtin_popcountll(reached[i]);
    return count;
}

/* In `root` and what it needs. The loader adds to its list in the order in which it searches, so
 * most is reached in one pass. */
static void *search_from(const struct search *search, const struct link_map *root, bool exact)
{
    uint64_t reached[MOST_OBJECTS / 64] = {0};
    unsigned before = 0;
    void *address = defined_in(search, root, exact);
    if (!address)
        address = step(search, root, exact, reached);
    for (unsigned now = count_reached(reached); now != before && !address;
         now = count_reached(reached)) {
        const struct link_map *map = loader_objects();
        before = now;
        for (unsigned i = 0; map && i < MOST_OBJECTS && !address; map = map->l_next, i++)
            if (reached[i / 64] >> i % 64 & 1)
                address = step(search, map, exact, reached);
    }
    return address;
}

static void *search_global(const struct search *search, bool exact)
{
    for (int i = 0; i < MOST_GLOBAL; i++) {
        uint32_t file = atomic_load_explicit(&global_files[i], memory_order_relaxed);
        unsigned index = 0;
        if (!file)
            return NULL;
        for (const struct link_map *map = loader_objects(); map; map = map->l_next, index++) {
            if (index < search->start_count || !map->l_name ||
                hash(object_file(map->l_name)) != file)
                continue;
            void *address = search_from(search, map, exact);
            if (address)
                return address;
        }
    }
    return NULL;
}

/* The object that was opened when the caller's came. Both are in the list one after the other, so
 * whoever needs an object and stands before it, came with it. */
static const struct link_map *root_of(const struct search *search)
{
    const struct link_map *root = loader_objects();
    unsigned index = 0;
    for (; root && root->l_ld != search->home; root = root->l_next)
        index++;
    if (!root || index < search->start_count)
        return NULL;
    for (;;) {
        const struct link_map *map = loader_objects();
        index = 0;
        while (map != root && (index < search->start_count || !needs(search, map, root))) {
            map = map->l_next;
            index++;
        }
        if (map == root)
            return root;
        root = map;
    }
}

static void *search_start(const struct search *search, bool exact)
{
    for (unsigned i = 0; i < search->count; i++)
        if (search->is_of_start[i] && search->is_exact[i] >= exact)
            return search->found[i].address;
    return NULL;
}

static void *search_anywhere(const struct search *search, bool exact, bool by_name)
{
    for (unsigned i = 0; i < search->count; i++) {
        struct object object = loader_object(search->found[i].map);
        if (search->is_exact[i] >= exact &&
            (!by_name || object_is_named(object.name, search->wish->names)))
            return search->found[i].address;
    }
    return NULL;
}

static void *defined_at_home(const struct search *search)
{
    for (unsigned i = 0; i < search->count; i++)
        if (search->found[i].map->l_ld == search->home)
            return search->found[i].address;
    return NULL;
}

static void *choose(const struct search *search)
{
    void *own = search->wish->kind == SCOPE_OF_CALLER ? NULL : defined_at_home(search);
    if (own || search->wish->kind == SCOPE_OWN_ONLY)
        return own;
    if (search->count < 2)
        return search->count ? search->found[0].address : NULL;
    const struct link_map *root = root_of(search);
    void *address = NULL;
    for (int exact = 1; exact >= 0 && !address; exact--) {
        address = search_start(search, exact);
        if (!address)
            address = search_global(search, exact);
        if (!address && root)
            address = search_from(search, root, exact);
    }
    for (int exact = 1; exact >= 0 && !address; exact--) {
        address = search_anywhere(search, exact, true);
        if (!address)
            address = search_anywhere(search, exact, false);
    }
    return address;
}

/* Our own object and those before it are passed over: library.h. */
static const struct link_map *behind_us(unsigned *index)
{
    const struct link_map *map = loader_objects();
    for (*index = 0; map; map = map->l_next)
        if (++*index && map->l_ld == _DYNAMIC)
            return map->l_next;
    *index = 0;
    return loader_objects();
}

/* True where `map` defines it in the version that was asked for. */
__attribute__((noinline)) static bool gather(struct search *search, const struct link_map *map,
                                             bool is_of_start)
{
    struct image image;
    if (search->count == MOST_FOUND || !open_image(search, map, &image))
        return false;
    void *exact = image_find(&image, search->wish->symbol, search->wish->version);
    void *address = exact ? exact : image_find(&image, search->wish->symbol, NULL);
    if (address) {
        search->found[search->count] = (struct candidate){map, address};
        search->is_exact[search->count] = exact;
        search->is_of_start[search->count++] = is_of_start;
    }
    return exact;
}

static void search_list(struct search *search)
{
    unsigned index;
    search->is_done = true;
    for (const struct link_map *map = behind_us(&index); map; map = map->l_next, index++)
        if (index >= search->start_count)
            gather(search, map, false);
    search->scope->found = choose(search);
}

/* What the start has, every caller gets. */
static bool search_list_of_start(struct search *search)
{
    unsigned index;
    search->is_locked = true; /* nothing goes of these */
    for (const struct link_map *map = behind_us(&index); map && index < search->start_count;
         map = map->l_next, index++)
        if (gather(search, map, true) && search->wish->kind == SCOPE_OF_CALLER) {
            *search->scope =
                (struct scope){search->found[search->count - 1].address, 0, UINTPTR_MAX};
            return true;
        }
    return false;
}

static bool lies_in(struct search *search, ElfW(Addr) base, const ElfW(Phdr) * headers,
                    unsigned count)
{
    ElfW(Addr) first = UINTPTR_MAX, end = 0;
    const ElfW(Dyn) *dynamic = NULL;
    for (unsigned i = 0; i < count; i++) {
        ElfW(Addr) from = base + headers[i].p_vaddr, to = from + headers[i].p_memsz;
        if (headers[i].p_type == PT_DYNAMIC)
            dynamic = (const ElfW(Dyn) *)from;
        if (headers[i].p_type != PT_LOAD)
            continue;
        first = from < first ? from : first;
        end = to > end ? to : end;
    }
    if (search->caller < first || search->caller >= end)
        return false;
    search->home = dynamic;
    search->scope->from = first;
    search->scope->bytes = end - first;
    return true;
}

static int look_for_home(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    return lies_in(data, info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum);
}

/* The first call does it all: what counts is that the lock is held. */
static int look_under_the_lock(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)info;
    (void)size;
    search_list(data);
    return 1;
}

/* By the file's header, which lies at the beginning of every shared object. */
static void look_for_home_without_the_lock(struct search *search)
{
    const struct link_map *nearest = NULL;
    for (const struct link_map *map = loader_objects(); map; map = map->l_next)
        if (map->l_addr <= search->caller && (!nearest || map->l_addr > nearest->l_addr))
            nearest = map;
    const ElfW(Ehdr) *header = nearest ? (const ElfW(Ehdr) *)nearest->l_addr : NULL;
    if (header && loader_maps(header) && memcmp(header->e_ident, ELFMAG, SELFMAG) == 0)
        lies_in(search, nearest->l_addr,
                (const ElfW(Phdr) *)((const char *)header + header->e_phoff), header->e_phnum);
}

static void search_objects(struct search *search)
{
    if (search_list_of_start(search))
        return;
    search->is_locked = !loader_lock_is_lost();
    if (!search->is_locked) {
        look_for_home_without_the_lock(search);
        search_list(search);
        return;
    }
    loader_lock_begin();
    dl_iterate_phdr(look_for_home, search);
    dl_iterate_phdr(look_under_the_lock, search);
    loader_lock_end();
    if (!search->is_done) /* a program may keep an empty list of its own */
        search_list(search);
}

void scope_search(struct scope *scope, const struct scope_wish *wish, const void *caller)
{
    *scope = (struct scope){NULL, (uintptr_t)caller & ~(uintptr_t)(PAGE_BYTES - 1), PAGE_BYTES};
    struct search search = {
        .scope = scope,
        .wish = wish,
        .caller = (uintptr_t)caller,
        .start_count = library_start_count(),
    };
    if (loader_objects()) {
        search_objects(&search);
        return;
    }
    scope->found = library_find(wish->symbol, wish->version, wish->names);
    if (!scope->found)
        scope->found = library_find(wish->symbol, wish->version, NULL);
}
