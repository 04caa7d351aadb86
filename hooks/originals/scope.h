// SPDX-License-Identifier: Apache-2.0
/* scope.h - which object's function the loader gives to a caller.
 *
 * It searches first what every object sees: those of the program's start, in their order, and
 * those opened with RTLD_GLOBAL. Then what was opened together with the caller: the object that
 * dlopen() was called for, what that one needs, what those need (System V gABI, "Shared Object
 * Dependencies"). We look at nothing but the names of the objects and of what they need, because
 * the loader's own lists are private. */
#ifndef HOOKS_SCOPE_H
#define HOOKS_SCOPE_H

#include <stdint.h>

/* The function, or NULL, and all the addresses whose code would get the same. */
struct scope {
    void *found;
    uintptr_t from;
    uintptr_t bytes;
};

enum scope_kind {
    SCOPE_OF_CALLER,
    SCOPE_OWN_FIRST, /* the caller's own object, then its scope */
    SCOPE_OWN_ONLY   /* not every library has it, and another's would not do */
};

struct scope_wish {
    const char *symbol; /* this and the two next as of library_find() */
    const char *version;
    const char *names;
    enum scope_kind kind;
};

/* Where the caller's scope has no such function, as when it got ours by dlsym(RTLD_DEFAULT): the
 * first there is, of those names before others, and of that version before others. Any thread. */
__attribute__((cold)) void scope_search(struct scope *scope, const struct scope_wish *wish,
                                        const void *caller);

/* Before dlopen() with RTLD_GLOBAL of that file, or of the program, NULL. */
__attribute__((cold)) void scope_opening(const char *file);

#endif
