// SPDX-License-Identifier: Apache-2.0
/* library.h - finding the function that a hook stands in front of.
 *
 * The loader offers dlsym(RTLD_NEXT), and it falls short three ways. It fails for a library that
 * a language's extension has opened RTLD_LOCAL, though our hook is called. When it fails it
 * allocates, and overwrites what the program may be about to read from dlerror(). And it takes
 * the lock that dlopen() holds while it runs constructors, which may be waiting for this thread;
 * before glibc 2.34 it even lies in a library of its own, so that a preload which needs it stops
 * `ls`. So we read the loaded objects' symbol tables ourselves, in the order in which the loader
 * searches them, our own place included.
 *
 * Objects of the program's start never go, so they are read without a lock, and the C library's
 * functions are always found that way. For what was opened later dl_iterate_phdr() keeps the list
 * still. It takes a lock of the loader too, but one that is held for moments only. A forked child
 * may have lost that one, and then reads the list without: loader_lock.h.
 *
 * Nothing is allocated. What is found is never a function of ours, because our own object and
 * those before it are passed over; those before it call us, and calling them back would not end.
 *
 * The lifetime of what is found: a hook is called by code that is bound to the library, so the
 * library stays for as long as the call takes. It may go afterwards and come back elsewhere.
 * Holding a reference would change the program (its dlclose() would no longer run destructors),
 * and getting one means a dlopen() inside a hook. So nothing is held; instead our dlclose() marks
 * everything found before as out of date, and struct original (original.h) looks again. Unseen: the
 * loader's own closing of NSS and iconv modules, which the C library does not undo in practice. */
#ifndef HOOKS_LIBRARY_H
#define HOOKS_LIBRARY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* The address of `symbol` in the first object that comes after ours in the loader's order and
 * defines it, or NULL. Any thread; costs some microseconds, more with hundreds of objects.
 *
 * `version`: NULL for the default version, else exactly that one ("CURL_OPENSSL_4"); an object
 * that has no versions at all matches any.
 * `names`: NULL for any object; else an object that was opened after the program's start is
 * taken only where its file name begins with one of these, separated by '|'
 * ("libmariadb.so|libmysqlclient.so"). Objects that were there at the start count whatever their
 * names: they may be somebody's preload. */
__attribute__((cold)) void *library_find(const char *symbol, const char *version,
                                         const char *names);

/* The same in an object of one of these names only, past what others put before it. */
__attribute__((cold)) void *library_find_in(const char *symbol, const char *version,
                                            const char *names);

/* The same whether it comes before or after ours. */
__attribute__((cold)) void *library_find_anywhere(const char *symbol, const char *names);

/* Whether a library that is opened now would be given somebody else's `symbol`: the first object of
 * the program's start that defines it lies in a file whose name begins with none of `names`. */
__attribute__((cold)) bool library_replaced(const char *symbol, const char *names);

/* Where the first object of the program's start other than ours lies that defines a symbol. */
struct library_place {
    void *address;    /* of the symbol; NULL: none does, and the rest says nothing */
    const char *path; /* the loader's, "" for the program; lives as long as the object */
    bool before_us;   /* in the loader's order */
};
__attribute__((cold)) struct library_place library_elsewhere(const char *symbol);

/* Every object loaded so far belongs to the program's start; later calls change nothing. From the
 * constructor, and by any search before it: the first call of dlopen() comes that way, so that
 * nothing counts that could go again. */
__attribute__((cold)) void library_started(void);

/* How many objects of the list those are. */
__attribute__((cold)) unsigned library_start_count(void);

/* Rises when a library may be gone; begins at 1. */
extern _Atomic unsigned library_age;

/* A library may be gone: after dlclose(). */
__attribute__((cold)) void library_closed(void);

#endif
