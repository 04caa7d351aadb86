// SPDX-License-Identifier: Apache-2.0
/* original.h - the originals of a client library's hooks, by who calls.
 *
 * Two libraries of the same functions may be in one process: libmariadb and Oracle's client, built
 * into an extension of Python; a libcurl of the distribution's and one that a package brings. The
 * loader binds each caller to one of them. Our hook stands in front of both, and so looks who
 * calls: the caller's object decides, by the scope in which the loader would have searched
 * (scope.h).
 *
 * A library that ends a function in a jump to another of its own comes to our hook as if we had
 * called; and the agent's questions about a handle come from us. Both concern the library whose
 * function this thread called last.
 *
 * Answers are remembered by the caller's object. Nothing is locked: an entry is written once an age
 * and read between two looks at its age. */
#ifndef HOOKS_ORIGINAL_H
#define HOOKS_ORIGINAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hooks/originals/library.h"
#include "hooks/originals/scope.h"

#define ORIGINAL_CALLERS 16 /* objects that call one function; others' calls search each time */

/* What callers get whose code lies in `bytes` from `from` on. */
struct original_answer {
    /* Of `library_age` when the search began; 0: none yet, UINT_MAX: being written. Read before the
     * rest and after it, all of it acquire but the last; written before the rest and after it, all
     * of it release: who finds the same age twice has read what belongs to it. */
    _Atomic unsigned age;
    _Atomic uintptr_t from;
    _Atomic uintptr_t bytes;
    _Atomic(void *) found;
};

/* Found when it is first needed; zeros before. What it is, lies apart (struct scope_wish), because
 * zeros beside something that is not would lie in the file. */
struct original {
    struct original_answer answers[ORIGINAL_CALLERS];
};

/* The library's function that this thread called last. */
extern _Thread_local void *tl_called;

/* That function is about to be called, or has returned. */
static inline void original_called(void *function)
{
    tl_called = function;
}

static inline bool original_answers(const struct original_answer *answer, unsigned age,
                                    const void *caller, void **found)
{
    if (atomic_load_explicit(&answer->age, memory_order_acquire) != age)
        return false;
    uintptr_t from = atomic_load_explicit(&answer->from, memory_order_acquire);
    uintptr_t bytes = atomic_load_explicit(&answer->bytes, memory_order_acquire);
    *found = atomic_load_explicit(&answer->found, memory_order_acquire);
    return (uintptr_t)caller - from < bytes &&
           atomic_load_explicit(&answer->age, memory_order_relaxed) == age;
}

void *original_get_other(struct original *original, const struct scope_wish *wish,
                         const void *caller);

/* What that caller is bound to; NULL where no object has it, and then the next call looks again.
 * `wish`: the same each time. `caller`: an address in it, as a hook's return address. */
static inline void *original_get(struct original *original, const struct scope_wish *wish,
                                 const void *caller)
{
    void *found;
    unsigned age = atomic_load_explicit(&library_age, memory_order_acquire);
    if (original_answers(&original->answers[0], age, caller, &found))
        return found;
    return original_get_other(original, wish, caller);
}

#endif
