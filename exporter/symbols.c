// SPDX-License-Identifier: Apache-2.0
#include "exporter/symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "agent/span/frames.h"

#define REMEMBERED     512
#define CHUNK          2048 /* symbols at a time */
#define SECTIONS_MOST  4096
#define SECTIONS_CHUNK 64
#define TABLE_MOST     ((uint64_t)64 << 20) /* bytes of a symbol table; node's are 20 MB */

struct remembered {
    uint64_t identity;
    struct symbol symbol;
};

struct symbols_memory {
    struct remembered remembered[REMEMBERED];
    Elf64_Sym chunk[CHUNK];
};

/* A file being searched. */
struct file_table {
    int fd;
    Elf64_Shdr symbols;
    Elf64_Shdr names;
};

bool symbols_init(struct symbols *symbols)
{
    if (symbols->at)
        return true;
    if (arena_map(&symbols->memory, sizeof *symbols->at + 16))
        symbols->at = arena_take(&symbols->memory, sizeof *symbols->at);
    return symbols->at != NULL;
}

/* As many bytes as there are; the rest stays as it is. */
static size_t read_at(int fd, void *to, size_t bytes, uint64_t offset)
{
    size_t done = 0;
    while (done < bytes && offset + done <= INT64_MAX) {
        ssize_t got = pread(fd, (char *)to + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

/* Only a regular file: opening a device can do things. */
static int open_file(const char *path)
{
    struct stat status;
    /* By number, as in own_fd.c. */
    if (os.syscall(SYS_newfstatat, AT_FDCWD, path, &status, 0) != 0 || !S_ISREG(status.st_mode))
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static bool read_header(int fd, uint64_t identity, Elf64_Ehdr *header)
{
    unsigned char beginning[FRAMES_IDENTITY_READ] = {0};
    if (read_at(fd, beginning, sizeof beginning, 0) < sizeof *header ||
        frames_identity(beginning) != identity)
        return false;
    memcpy(header, beginning, sizeof *header);
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
           header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
           header->e_shentsize == sizeof(Elf64_Shdr) && header->e_shnum <= SECTIONS_MOST;
}

static bool read_section(int fd, const Elf64_Ehdr *header, unsigned number, Elf64_Shdr *section)
{
    return number < header->e_shnum &&
           read_at(fd, section, sizeof *section,
                   header->e_shoff + (uint64_t)number * sizeof *section) == sizeof *section;
}

/* The full table, else that of what is exported. */
static bool find_table(struct file_table *table, const Elf64_Ehdr *header)
{
    Elf64_Shdr sections[SECTIONS_CHUNK];
    bool found = false;
    for (unsigned first = 0; first < header->e_shnum; first += SECTIONS_CHUNK) {
        size_t got = read_at(table->fd, sections, sizeof sections,
                             header->e_shoff + (uint64_t)first * sizeof *sections);
        size_t count = got / sizeof *sections;
        for (size_t i = 0; i < count && first + i < header->e_shnum; i++) {
            bool full = sections[i].sh_type == SHT_SYMTAB;
            if (!full && (found || sections[i].sh_type != SHT_DYNSYM))
                continue;
            table->symbols = sections[i];
            found = true;
            if (full)
                return true;
        }
        if (count < SECTIONS_CHUNK)
            break;
    }
    return found;
}

static void cut_name(char *name, size_t length)
{
    if (length == SYMBOL_NAME_BYTES)
        memcpy(name + length - 4, "...", 4);
    else
        name[length] = '\0';
    for (size_t i = 0; name[i]; i++)
        if ((unsigned char)name[i] < ' ')
            name[i] = '?';
}

static void take_name(const struct file_table *table, const Elf64_Sym *found, struct symbol *symbol)
{
    if (found->st_name >= table->names.sh_size)
        return;
    uint64_t left = table->names.sh_size - found->st_name;
    char name[SYMBOL_NAME_BYTES];
    size_t most = left < sizeof name ? (size_t)left : sizeof name;
    size_t got = read_at(table->fd, name, most, table->names.sh_offset + found->st_name);
    size_t length = strnlen(name, got);
    if (length == 0 || (length == got && got < sizeof name))
        return;
    memcpy(symbol->name, name, length);
    cut_name(symbol->name, length);
    symbol->start = found->st_value;
}

/* The address is where a call returns to, which may be the next function's beginning. */
static bool covers(const Elf64_Sym *function, uint64_t address)
{
    return address - 1 >= function->st_value &&
           address - 1 - function->st_value < function->st_size;
}

static void look_at(const struct file_table *table, const Elf64_Sym *function,
                    struct symbol *wanted, size_t count)
{
    unsigned type = ELF64_ST_TYPE(function->st_info);
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || function->st_shndx == SHN_UNDEF)
        return;
    for (size_t i = 0; i < count; i++)
        if (!wanted[i].settled && !wanted[i].name[0] && covers(function, wanted[i].address))
            take_name(table, function, &wanted[i]);
}

static void search(struct symbols *symbols, const struct file_table *table, struct symbol *wanted,
                   size_t count)
{
    uint64_t left = table->symbols.sh_size / sizeof(Elf64_Sym);
    uint64_t offset = table->symbols.sh_offset;
    while (left) {
        size_t most = left < CHUNK ? (size_t)left : CHUNK;
        size_t got = read_at(table->fd, symbols->at->chunk, most * sizeof(Elf64_Sym), offset) /
                     sizeof(Elf64_Sym);
        for (size_t i = 0; i < got; i++)
            look_at(table, &symbols->at->chunk[i], wanted, count);
        if (got < most)
            return;
        left -= got;
        offset += got * sizeof(Elf64_Sym);
    }
}

static void search_file(struct symbols *symbols, const char *path, uint64_t identity,
                        struct symbol *wanted, size_t count)
{
    Elf64_Ehdr header;
    struct file_table table = {.fd = open_file(path)};
    if (table.fd < 0)
        return;
    if (read_header(table.fd, identity, &header) && find_table(&table, &header) &&
        table.symbols.sh_entsize == sizeof(Elf64_Sym) && table.symbols.sh_size <= TABLE_MOST &&
        read_section(table.fd, &header, table.symbols.sh_link, &table.names))
        search(symbols, &table, wanted, count);
    os.close(table.fd);
}

static struct remembered *place_of(struct symbols *symbols, uint64_t identity, uint64_t address)
{
    uint64_t mixed = (identity ^ address) * UINT64_C(0x9e3779b97f4a7c15);
    return &symbols->at->remembered[(mixed >> 32) % REMEMBERED];
}

void symbols_find(struct symbols *symbols, const char *path, uint64_t identity,
                  struct symbol *wanted, size_t count)
{
    size_t unsettled = 0;
    for (size_t i = 0; i < count; i++) {
        const struct remembered *known = place_of(symbols, identity, wanted[i].address);
        if (known->identity == identity && known->symbol.address == wanted[i].address)
            wanted[i] = known->symbol;
        unsettled += !wanted[i].settled;
    }
    if (!identity || !unsettled)
        return;
    search_file(symbols, path, identity, wanted, count);
    for (size_t i = 0; i < count; i++) {
        wanted[i].settled = true;
        *place_of(symbols, identity, wanted[i].address) = (struct remembered){identity, wanted[i]};
    }
}
