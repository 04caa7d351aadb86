// SPDX-License-Identifier: Apache-2.0
#include "agent/life/life.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* Linux's number; headers older than glibc 2.27 lack it. A test gives a wrong one instead. */
#ifndef LIFE_ADVICE
#define LIFE_ADVICE 18 /* MADV_WIPEONFORK */
#endif
#define NO_ADVICE 9999 /* is refused by Linux */

static _Atomic uint32_t unwiped = LIFE_SAME;
_Atomic uint32_t *life_mark = &unwiped;

/* glibc's pthread_atfork itself would be linked in with a strong reference to this symbol, and stop
 * every program under another libc. Weak, it is NULL there. */
#ifdef __GLIBC__
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                             void *dso) __attribute__((weak));
#endif

static void wipe_by_hand(void)
{
    /* Relaxed: a child begins with this one thread. */
    atomic_store_explicit(life_mark, LIFE_WIPED, memory_order_relaxed);
}

static void notice_by_hand(void)
{
#ifdef __GLIBC__
    if (__register_atfork)
        __register_atfork(NULL, NULL, wipe_by_hand, NULL);
#else
    (void)pthread_atfork(NULL, NULL, wipe_by_hand);
#endif
}

/* Emulators that leave advice out say yes to any. */
static bool is_wiped_on_fork(void *page, size_t bytes)
{
    return madvise(page, bytes, LIFE_ADVICE) == 0 && madvise(page, bytes, NO_ADVICE) != 0;
}

void life_init(void)
{
    int saved = errno;
    size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED && is_wiped_on_fork(page, bytes)) {
        life_mark = page;
        life_acknowledge();
    } else {
        if (page != MAP_FAILED)
            munmap(page, bytes);
        notice_by_hand();
    }
    errno = saved;
}

void life_acknowledge(void)
{
    /* Release: pairs with the acquire in life_forked and life_settling. */
    atomic_store_explicit(life_mark, LIFE_SAME, memory_order_release);
}
