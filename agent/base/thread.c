// SPDX-License-Identifier: Apache-2.0
#include "agent/base/thread.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "agent/base/os.h"
#include "agent/base/signals.h"

#define STACK_BYTES ((size_t)256 << 10)

__thread bool tl_thread_own;

void thread_mark_own(void)
{
    tl_thread_own = true;
}

static void *begin(void *run)
{
    thread_mark_own();
    os.prctl(PR_SET_NAME, "otelagent", 0, 0, 0);
    ((void (*)(void))run)();
    return NULL;
}

static int create(pthread_t *thread, void (*run)(void))
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error)
        return error;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    error = pthread_create(thread, &attributes, begin, (void *)run);
    if (error == EINVAL) /* the program's thread-locals leave no room in a stack this small */
        error = pthread_create(thread, NULL, begin, (void *)run);
    pthread_attr_destroy(&attributes);
    return error;
}

/* A new thread inherits the mask. */
int thread_create(pthread_t *thread, void (*run)(void))
{
    uint64_t before;
    bool held = signals_change(SIG_SETMASK, SIGNALS_ALL, &before);
    int error = create(thread, run);
    if (held)
        signals_change(SIG_SETMASK, before, NULL);
    return error;
}
