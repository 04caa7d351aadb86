// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/door.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/futex.h"

/* A fork waits no longer: the thread may be waiting for a lock that the forking thread has. Moments
 * inside are milliseconds; a machine without time to spare makes tenths of a second of them. */
#define FORK_WAIT_NS 1000000000u

/* For a resolver; where it takes longer it waits for a name server, without a lock. */
#define RESOLVER_WAIT_NS 50000000u

enum { FREE, TAKEN, SHUT };

/* A futex. Taken with acquire, left with release: a fork sees what was done inside as done. */
static _Atomic uint32_t door = FREE;

/* The same for the resolver, but it is never shut. */
static _Atomic uint32_t resolver = FREE;

/* The process that may open libraries: the one that loaded us, and children of it that had no
 * threads beside the forking one. Written by forking threads and in the child. */
static pid_t opener;

static __thread bool tl_took_it; /* for a fork */
static __thread bool tl_took_resolver;
static __thread bool tl_may_child; /* the child that is being made may open libraries */

/* From FREE to `state`; false where it is shut, or not free in time. */
static bool move_to(_Atomic uint32_t *word, uint32_t state, uint64_t most_ns)
{
    uint64_t begun = clock_monotonic_ns();
    for (;;) {
        uint32_t seen = FREE;
        if (atomic_compare_exchange_strong_explicit(word, &seen, state, memory_order_acquire,
                                                    memory_order_relaxed))
            return true;
        uint64_t gone = clock_monotonic_ns() - begun;
        if (seen == SHUT || gone >= most_ns)
            return false;
        futex_wait_while(word, TAKEN, most_ns - gone);
    }
}

static void leave(_Atomic uint32_t *word)
{
    uint32_t taken = TAKEN; /* or it was shut meanwhile, and stays so */
    atomic_compare_exchange_strong_explicit(word, &taken, FREE, memory_order_release,
                                            memory_order_relaxed);
    futex_wake(word);
}

bool door_enter(void)
{
    return move_to(&door, TAKEN, UINT64_MAX);
}

void door_leave(void)
{
    leave(&door);
}

bool door_resolver_begin(void)
{
    return move_to(&resolver, TAKEN, FORK_WAIT_NS);
}

void door_resolver_end(void)
{
    leave(&resolver);
}

void door_shut(uint64_t most_ns)
{
    if (!move_to(&door, SHUT, most_ns))
        atomic_store_explicit(&door, SHUT, memory_order_relaxed);
}

/* A directory has a link for itself, one from above, and one from each directory in it. */
static bool has_one_thread(void)
{
    struct stat status;
    return stat("/proc/self/task", &status) == 0 && status.st_nlink == 3;
}

static void before_fork(void)
{
    int saved = errno;
    tl_may_child = door_may_open() && has_one_thread();
    tl_took_it = move_to(&door, TAKEN, FORK_WAIT_NS);
    tl_took_resolver = move_to(&resolver, TAKEN, RESOLVER_WAIT_NS);
    errno = saved;
}

static void after_fork(void)
{
    int saved = errno;
    if (tl_took_it)
        door_leave();
    tl_took_it = false;
    if (tl_took_resolver)
        leave(&resolver);
    tl_took_resolver = false;
    errno = saved;
}

static void in_child(void)
{
    if (tl_may_child)
        opener = getpid();
    after_fork();
}

void door_init(void)
{
    opener = getpid();
    pthread_atfork(before_fork, after_fork, in_child);
}

void door_child(void)
{
    atomic_store_explicit(&resolver, FREE, memory_order_relaxed);
    uint32_t taken = TAKEN;
    atomic_compare_exchange_strong_explicit(&door, &taken, SHUT, memory_order_relaxed,
                                            memory_order_relaxed);
}

bool door_may_open(void)
{
    return opener == getpid();
}
