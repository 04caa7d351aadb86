// SPDX-License-Identifier: Apache-2.0
#include "hooks/originals/image.h"

#include <string.h>

#define VERSION_HIDDEN 0x8000 /* in a .gnu.version entry: not the default version */

/* glibc leaves relocated addresses in the dynamic section, musl and the vDSO leave offsets. */
static const void *pointer(ElfW(Addr) base, ElfW(Addr) value)
{
    return (const void *)(value < base ? base + value : value);
}

const char *object_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool object_is_named(const char *path, const char *beginnings)
{
    const char *name = object_file(path);
    while (*beginnings) {
        size_t length = strcspn(beginnings, "|");
        if (strncmp(name, beginnings, length) == 0)
            return true;
        beginnings += length + (beginnings[length] == '|');
    }
    return false;
}

bool image_open(struct image *image, const struct object *object)
{
    const ElfW(Dyn) *entry = object->dynamic;
    *image = (struct image){.base = object->base};
    for (; entry && entry->d_tag != DT_NULL; entry++) {
        const void *at = pointer(image->base, entry->d_un.d_ptr);
        switch (entry->d_tag) {
        case DT_SYMTAB:
            image->symbols = at;
            break;
        case DT_STRTAB:
            image->strings = at;
            break;
        case DT_GNU_HASH:
            image->gnu_hash = at;
            break;
        case DT_HASH:
            image->sysv_hash = at;
            break;
        case DT_VERSYM:
            image->versions = at;
            break;
        case DT_VERDEF:
            image->definitions = at;
            break;
        default:
            break;
        }
    }
    return image->symbols && image->strings && (image->gnu_hash || image->sysv_hash);
}

static const char *version_name(const struct image *image, unsigned index)
{
    const ElfW(Verdef) *definition = image->definitions;
    while (definition) {
        const char *at = (const char *)definition;
        if ((definition->vd_ndx & ~VERSION_HIDDEN) == (int)index) {
            const ElfW(Verdaux) *name = (const ElfW(Verdaux) *)(at + definition->vd_aux);
            return image->strings + name->vda_name;
        }
        definition = definition->vd_next ? (const ElfW(Verdef) *)(at + definition->vd_next) : NULL;
    }
    return NULL;
}

static bool version_matches(const struct image *image, size_t index, const char *version)
{
    if (!image->versions || !image->definitions) /* at most the versions of what it needs */
        return true;
    unsigned entry = image->versions[index];
    if (!version)
        return !(entry & VERSION_HIDDEN);
    const char *name = version_name(image, entry & ~(unsigned)VERSION_HIDDEN);
    return name && strcmp(name, version) == 0;
}

static bool symbol_matches(const struct image *image, size_t index, const char *name,
                           const char *version)
{
    const ElfW(Sym) *symbol = &image->symbols[index];
    unsigned type = ELF64_ST_TYPE(symbol->st_info); /* the same bits in 32-bit objects */
    unsigned binding = ELF64_ST_BIND(symbol->st_info);
    return symbol->st_shndx != SHN_UNDEF && binding != STB_LOCAL && type != STT_TLS &&
           strcmp(image->strings + symbol->st_name, name) == 0 &&
           version_matches(image, index, version);
}

/* Both searches return a symbol's index; 0, the reserved entry, if there is none. */
static size_t find_gnu(const struct image *image, const char *name, const char *version)
{
    uint32_t hash = 5381;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        hash = hash * 33 + *c;

    uint32_t bucket_count = image->gnu_hash[0];
    uint32_t first_hashed = image->gnu_hash[1];
    uint32_t filter_count = image->gnu_hash[2];
    uint32_t filter_shift = image->gnu_hash[3];
    const ElfW(Addr) *filter = (const ElfW(Addr) *)&image->gnu_hash[4];
    const uint32_t *buckets = (const uint32_t *)&filter[filter_count];
    const uint32_t *chains = &buckets[bucket_count];
    unsigned bits = sizeof *filter * 8;

    ElfW(Addr) word = filter[(hash / bits) & (filter_count - 1)];
    if (!bucket_count || !((word >> (hash % bits)) & (word >> ((hash >> filter_shift) % bits)) & 1))
        return 0;
    size_t index = buckets[hash % bucket_count];
    if (index < first_hashed)
        return 0;
    for (;; index++) {
        uint32_t entry = chains[index - first_hashed];
        if ((entry | 1) == (hash | 1) && symbol_matches(image, index, name, version))
            return index;
        if (entry & 1) /* the last of its chain */
            return 0;
    }
}

static size_t find_sysv(const struct image *image, const char *name, const char *version)
{
    uint32_t hash = 0;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        hash = (hash << 4) + *c;
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    uint32_t bucket_count = image->sysv_hash[0];
    const uint32_t *buckets = &image->sysv_hash[2];
    const uint32_t *chains = &buckets[bucket_count];
    if (!bucket_count)
        return 0;
    size_t index = buckets[hash % bucket_count];
    while (index && !symbol_matches(image, index, name, version))
        index = chains[index];
    return index;
}

void *image_find(const struct image *image, const char *symbol, const char *version)
{
    size_t index =
        image->gnu_hash ? find_gnu(image, symbol, version) : find_sysv(image, symbol, version);
    if (!index)
        return NULL;
    const ElfW(Sym) *found = &image->symbols[index];
    ElfW(Addr) address = found->st_value + (found->st_shndx == SHN_ABS ? 0 : image->base);
    if (ELF64_ST_TYPE(found->st_info) == STT_GNU_IFUNC) /* the address is of what chooses */
        address = ((ElfW(Addr)(*)(void))address)();
    return (void *)address;
}
