// SPDX-License-Identifier: Apache-2.0
#include "hooks/originals/original.h"

#include <limits.h>

/* The linker's: where our own object lies. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

_Thread_local void *tl_called;

/* Ages only rise, so an entry that two threads want goes to one of them, and one of an age before
 * never comes after. In a forked child an entry may stay half written; the others serve. */
static void keep(struct original *original, unsigned age, const struct scope *scope)
{
    for (int i = 0; i < ORIGINAL_CALLERS; i++) {
        struct original_answer *answer = &original->answers[i];
        unsigned was = atomic_load_explicit(&answer->age, memory_order_relaxed);
        if (was >= age || !atomic_compare_exchange_strong(&answer->age, &was, UINT_MAX))
            continue;
        atomic_store_explicit(&answer->from, scope->from, memory_order_release);
        atomic_store_explicit(&answer->bytes, scope->bytes, memory_order_release);
        atomic_store_explicit(&answer->found, scope->found, memory_order_release);
        atomic_store_explicit(&answer->age, age, memory_order_release);
        return;
    }
}

/* The age is read before the search: if a library is closed meanwhile, the result is out of date
 * at once. */
void *original_get_other(struct original *original, const struct scope_wish *wish,
                         const void *caller)
{
    void *found;
    unsigned age = atomic_load_explicit(&library_age, memory_order_acquire);
    if ((uintptr_t)caller - (uintptr_t)__ehdr_start < (uintptr_t)(_end - __ehdr_start))
        caller = tl_called;
    for (int i = 0; i < ORIGINAL_CALLERS; i++)
        if (original_answers(&original->answers[i], age, caller, &found))
            return found;
    struct scope scope;
    scope_search(&scope, wish, caller);
    if (scope.found || wish->kind == SCOPE_OWN_ONLY) /* a library stays without it */
        keep(original, age, &scope);
    return scope.found;
}
