// SPDX-License-Identifier: Apache-2.0
/* unwinder.h - libunwind, opened at run time, walking this process's stacks.
 *
 * The library for the process itself (libunwind.so) reads memory as it comes, keeps a pipe to ask
 * whether an address is good, and takes the loader's lock to list the modules; somebody may hold
 * that lock who waits for this thread. So its sister for other processes is used
 * (libunwind-x86_64.so, of the same package): what it needs of memory, registers and modules it
 * asks us for. We read nothing but the thread's stack above the caller and the unwind tables of
 * the modules on it, and find those without a lock (_dl_find_object(), glibc 2.35).
 *
 * Code without unwind tables ends a walk: what libunwind would guess from frame pointers there is
 * not kept. */
#ifndef AGENT_UNWINDER_H
#define AGENT_UNWINDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* On another processor it never is ready. */
#ifdef __x86_64__
#define UNWINDER_KNOWS_PROCESSOR 1
#else
#define UNWINDER_KNOWS_PROCESSOR 0
#endif

/* What a call preserves, and where it is. */
struct unwind_registers {
    uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
};

struct unwind_module {
    uintptr_t start; /* of its memory */
    uintptr_t end;
    uintptr_t bias;    /* what is added to an address of the file */
    const char *path;  /* as the loader has it; empty: the program */
    uintptr_t handler; /* .eh_frame_hdr */
};

/* Memory of the stack that may be read. */
struct unwind_bounds {
    uintptr_t low;
    uintptr_t high;
};

/* Where the library is looked for, by the loader of ours that finds what hides from it. */
struct unwind_loader {
    void *(*open)(const char *names, const char **why);
    void *(*find)(void *library, const char *symbol);
};

/* Opens the library, on a stack with room. False, and `*why` (static). Once a process. */
__attribute__((cold)) bool unwinder_open(const struct unwind_loader *loader, const char **why);

/* Is it open, and not locked for ever (in a child whose parent was using it)? */
bool unwinder_is_ready(void);

/* In a forked child. */
void unwinder_forked(void);

/* The module of that address. Any thread, without a lock. */
bool unwinder_find_module(uintptr_t address, struct unwind_module *module);

/* Up to `most` return addresses above these registers, those of our own code left out. 0 where it
 * comes upon a signal's frame. On a stack with room (it takes 20 KB), with signals held. */
__attribute__((cold)) size_t unwinder_walk(const struct unwind_registers *registers,
                                           const struct unwind_bounds *stack, uintptr_t *addresses,
                                           size_t most);

#endif
