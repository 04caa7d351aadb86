// SPDX-License-Identifier: Apache-2.0
#include "agent/base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "agent/base/signals.h"

#define STACK_BYTES  ((size_t)256 << 10)
#define STATUS_BYTES 4096 /* of /proc/thread-self/status */

__thread bool tl_thread_own;

void thread_mark_own(void)
{
    tl_thread_own = true;
}

/* Found in what the kernel says of this thread; a line "Seccomp:\t0" does. */
static bool is_free_of_filters(void)
{
    static const char free[] = "\nSeccomp:\t0\n";
    char text[STATUS_BYTES];
    int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = pread(fd, text, sizeof text, 0);
    os.close(fd);
    return length > 0 && memmem(text, (size_t)length, free, sizeof free - 1);
}

void thread_give_way(void)
{
    const struct sched_param none = {0};
    if (!is_free_of_filters())
        return;
    long policy = os.syscall(SYS_sched_getscheduler, 0);
    /* Not SCHED_IDLE: who has that gives way to all already. */
    if (policy == SCHED_OTHER || policy == SCHED_FIFO || policy == SCHED_RR)
        os.syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &none);
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
