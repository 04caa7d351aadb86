// SPDX-License-Identifier: Apache-2.0
#include "agent/life/life.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* Linux's number; headers older than glibc 2.27 lack it. A test gives a wrong one instead. */
#ifndef LIFE_ADVICE
#define LIFE_ADVICE 18 /* MADV_WIPEONFORK */
#endif

static _Atomic uint32_t unwiped = LIFE_SAME;
_Atomic uint32_t *life_mark = &unwiped;

/* pthread_atfork itself would be linked in with a strong reference to this symbol of glibc, and
 * stop every program under another libc. Weak, it is NULL there. */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                             void *dso) __attribute__((weak));

static void wipe_by_hand(void)
{
    /* Relaxed: a child begins with this one thread. */
    atomic_store_explicit(life_mark, LIFE_WIPED, memory_order_relaxed);
}

void life_init(void)
{
    int saved = errno;
    size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED && madvise(page, bytes, LIFE_ADVICE) == 0) {
        life_mark = page;
        life_acknowledge();
    } else {
        if (page != MAP_FAILED)
            munmap(page, bytes);
        if (__register_atfork)
            __register_atfork(NULL, NULL, wipe_by_hand, NULL);
    }
    errno = saved;
}

void life_acknowledge(void)
{
    /* Release: pairs with the acquire in life_forked and life_settling. */
    atomic_store_explicit(life_mark, LIFE_SAME, memory_order_release);
}
