// SPDX-License-Identifier: Apache-2.0
/* moved.c - functions of the C library itself for our own use: those that moved into libc.so.6 with
 * glibc 2.34, and the clock.
 *
 * Before, they are in libpthread and libdl. Importing them would stop every program there that
 * does not link those, and naming them as needed would load them into every program. So they are
 * looked up when they are first called; where nobody has loaded libpthread we do, as any plugin
 * that needs it would. They are the C library's own: a sanitizer's runtime that stands before it
 * and was told of our thread would miss it in forked children, and say so. What can't be found
 * fails as the function itself would.
 *
 * The clock is not another preload's, because those that fake it take a lock (libfaketime): a child
 * forked while our thread held that would wait for ever. Spans carry the real time.
 *
 * Hidden, so programs keep theirs. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "hooks/originals/library.h"
#include "hooks/originals/real.h"

/* By what getaddrinfo() opens NSS modules with, where dlopen() itself is among the absent. */
static void *open_library(const char *name)
{
    void *(*internal)(const char *, int) =
        (void *(*)(const char *, int))library_find("__libc_dlopen_mode", "GLIBC_PRIVATE", "libc.");
    unsigned mode = RTLD_NOW | 0x80000000U; /* as its callers in glibc mark theirs */
    return internal ? internal(name, (int)mode) : real.dlopen(name, RTLD_NOW | RTLD_GLOBAL);
}

static void *moved(_Atomic(void *) *known, const char *symbol, const char *library)
{
    static const char names[] = "libc.|libpthread.|libdl.";
    void *found = atomic_load_explicit(known, memory_order_relaxed);
    if (found)
        return found;
    found = library_find_in(symbol, NULL, names);
    if (!found && open_library(library))
        found = library_find_in(symbol, NULL, names);
    atomic_store_explicit(known, found, memory_order_relaxed); /* the same from every thread */
    return found;
}

// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define MOVED(type, name, parameters, arguments, library, absent)                                  \
    type name parameters                                                                           \
    {                                                                                              \
        static _Atomic(void *) known;                                                              \
        type(*function) parameters = (type(*) parameters)moved(&known, #name, library);            \
        return function ? function arguments : absent;                                             \
    }
// NOLINTEND(bugprone-macro-parentheses)

#define THREADS "libpthread.so.0"
#define LOADER  "libdl.so.2"

MOVED(int, pthread_create,
      (pthread_t *restrict thread, const pthread_attr_t *restrict how, void *(*start)(void *),
       void *restrict argument),
      (thread, how, start, argument), THREADS, EAGAIN)
MOVED(int, pthread_join, (pthread_t thread, void **result), (thread, result), THREADS, ESRCH)
MOVED(int, pthread_detach, (pthread_t thread), (thread), THREADS, ESRCH)
MOVED(int, pthread_attr_setstacksize, (pthread_attr_t * how, size_t bytes), (how, bytes), THREADS,
      ENOSYS)
MOVED(int, pthread_setname_np, (pthread_t thread, const char *name), (thread, name), THREADS,
      ENOSYS)
MOVED(int, pthread_sigmask, (int how, const sigset_t *restrict change, sigset_t *restrict before),
      (how, change, before), THREADS, ENOSYS)
MOVED(void *, dlsym, (void *restrict handle, const char *restrict symbol), (handle, symbol), LOADER,
      NULL)
MOVED(char *, dlerror, (void), (), LOADER, NULL)

/* Several times a request, and so without a question whether it has been found. */
typedef int clock_reader(clockid_t clock, struct timespec *now);

static clock_reader find_clock;
static _Atomic(clock_reader *) read_clock = find_clock;

static int by_system_call(clockid_t clock, struct timespec *now)
{
    return (int)os.syscall(SYS_clock_gettime, clock, now);
}

__attribute__((cold)) static int find_clock(clockid_t clock, struct timespec *now)
{
    clock_reader *found = (clock_reader *)library_find_in("clock_gettime", NULL, "libc.");
    if (!found)
        found = by_system_call;
    /* Relaxed: it is the same from every thread. */
    atomic_store_explicit(&read_clock, found, memory_order_relaxed);
    return found(clock, now);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    return atomic_load_explicit(&read_clock, memory_order_relaxed)(clock, now);
}
