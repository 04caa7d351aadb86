// SPDX-License-Identifier: Apache-2.0
#include "agent/life/footprint.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* The linker's: the beginning of this object, which is linked at address 0. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

void footprint_reduce(void)
{
    int saved = errno;
    const char *base = (const char *)&__ehdr_start;
    const ElfW(Phdr) *segments = (const ElfW(Phdr) *)(const void *)(base + __ehdr_start.e_phoff);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < __ehdr_start.e_phnum; i++) {
        const ElfW(Phdr) *segment = &segments[i];
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
            continue;
        uintptr_t first = (uintptr_t)(base + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = ((uintptr_t)(base + segment->p_vaddr) + segment->p_filesz) & ~(page - 1);
        if (end > first)
            (void)madvise((void *)first, end - first, MADV_DONTNEED);
    }
    errno = saved;
}
