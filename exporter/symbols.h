// SPDX-License-Identifier: Apache-2.0
/* symbols.h - what the functions at addresses of an ELF file are called.
 *
 * Read from the file's .symtab, or .dynsym where it is stripped, because the table in memory has
 * only what is exported. By pread(), in pieces: a file that is cut short while it is mapped kills
 * who reads it. What was found, and what was not, is remembered.
 *
 * The exporter's thread's own. */
#ifndef EXPORTER_SYMBOLS_H
#define EXPORTER_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/base/arena.h"

#define SYMBOL_NAME_BYTES 200 /* longer names are cut, and end in "..." */

struct symbols {
    struct arena memory;
    struct symbols_memory *at;
};

/* An address that is looked up. */
struct symbol {
    uint64_t address;
    uint64_t start; /* of the function */
    char name[SYMBOL_NAME_BYTES];
    bool settled; /* what there is to know is known */
};

/* False where there is no memory. May be called again. */
bool symbols_init(struct symbols *symbols);

/* Names what it can of `count` addresses of the file at `path` that has that identity (frames.h);
 * the other names are empty. Nothing is wrong with a file that is gone, or is another by now. */
void symbols_find(struct symbols *symbols, const char *path, uint64_t identity,
                  struct symbol *wanted, size_t count);

#endif
