// SPDX-License-Identifier: Apache-2.0
/* image.h - the dynamic symbol table of a loaded object.
 *
 * Read as the loader reads it: through the hash table of the dynamic section (System V gABI,
 * "Hash Table"; the GNU one as described by its binutils), with symbol versions (LSB Core,
 * "Symbol Versioning"). The object is trusted: the loader has linked the program with it. */
#ifndef HOOKS_IMAGE_H
#define HOOKS_IMAGE_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the loader's list. */
struct object {
    ElfW(Addr) base;
    const ElfW(Dyn) * dynamic; /* NULL: it has none */
    const char *name;          /* the file's, as the loader knows it */
};

struct image {
    ElfW(Addr) base;
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash; /* NULL: none; so the two below */
    const uint32_t *sysv_hash;
    const ElfW(Half) * versions;
    const ElfW(Verdef) * definitions;
};

/* The file's name in a path. */
__attribute__((cold)) const char *object_file(const char *path);

/* Whether the file's name begins with one of these, separated by '|' ("libssl.|libssl-"). */
__attribute__((cold)) bool object_is_named(const char *path, const char *beginnings);

/* False where the object has no dynamic symbols. */
__attribute__((cold)) bool image_open(struct image *image, const struct object *object);

/* The address of a function or object that the image defines, or NULL. `version` NULL: its
 * default version; else exactly that one, which an image without versions always matches. */
__attribute__((cold)) void *image_find(const struct image *image, const char *symbol,
                                       const char *version);

#endif
