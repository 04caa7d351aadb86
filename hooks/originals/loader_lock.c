// SPDX-License-Identifier: Apache-2.0
#include "hooks/originals/loader_lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/os.h"

#define PAGE_BYTES 4096

/* A fork of a large process takes tens of milliseconds; a search takes less than one. */
#define MOST_PAUSES 100
#define PAUSE_NS    1000000

/* glibc has both, the second since 2.32; musl neither. */
extern struct r_debug _r_debug __attribute__((weak));
extern char __libc_single_threaded __attribute__((weak));

/* The process in which `lost` was found. Written in the constructor and by a forked child before
 * it has threads, as `lost` is. */
static pid_t known;
static bool lost;

/* Threads that search, and that fork. Each counts itself before it looks at the other: sequentially
 * consistent, so that one of the two sees the other. */
static _Atomic unsigned searching;
static _Atomic unsigned forking;

/* The child that is being made has the lock: nobody else is here, and this thread is not inside a
 * search (a signal handler forks). Relaxed: of two that fork at the same time neither is alone. */
static _Atomic bool kept;

/* Not nanosleep(), at which a thread can be cancelled. */
static void pause_a_moment(void)
{
    struct timespec moment = {.tv_nsec = PAUSE_NS};
    os.syscall(SYS_nanosleep, &moment, NULL);
}

void loader_lock_begin(void)
{
    int saved = errno;
    for (int i = 0;; i++) {
        atomic_fetch_add(&searching, 1);
        if (!atomic_load(&forking) || i == MOST_PAUSES)
            break;
        atomic_fetch_sub(&searching, 1);
        pause_a_moment();
    }
    errno = saved;
}

void loader_lock_end(void)
{
    atomic_fetch_sub(&searching, 1);
}

bool loader_lock_is_lost(void)
{
    return lost || (known && getpid() != known);
}

static void before_fork(void)
{
    int saved = errno;
    bool here = !loader_lock_is_lost();
    bool alone = &__libc_single_threaded && __libc_single_threaded;
    atomic_fetch_add(&forking, 1);
    for (int i = 0; here && !alone && i < MOST_PAUSES && atomic_load(&searching); i++)
        pause_a_moment();
    atomic_store_explicit(&kept, here && alone && !atomic_load(&searching), memory_order_relaxed);
    errno = saved;
}

static void after_fork(void)
{
    atomic_fetch_sub(&forking, 1);
}

static void in_child(void)
{
    lost = !atomic_load_explicit(&kept, memory_order_relaxed);
    known = getpid();
    atomic_store(&searching, 0);
    atomic_store(&forking, 0);
}

void loader_lock_init(void)
{
    known = getpid();
    pthread_atfork(before_fork, after_fork, in_child);
}

const struct link_map *loader_objects(void)
{
    return &_r_debug && _r_debug.r_version > 0 ? _r_debug.r_map : NULL;
}

struct object loader_object(const struct link_map *map)
{
    return (struct object){map->l_addr, map->l_ld, map->l_name ? map->l_name : ""};
}

/* Advice that changes nothing, which is refused where nothing is mapped. */
bool loader_maps(const void *address)
{
    int saved = errno;
    uintptr_t page = (uintptr_t)address & ~(uintptr_t)(PAGE_BYTES - 1);
    bool mapped = madvise((void *)page, 1, MADV_NORMAL) == 0;
    errno = saved;
    return mapped;
}
