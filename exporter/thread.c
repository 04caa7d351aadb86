// SPDX-License-Identifier: Apache-2.0
#include "exporter/thread.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>

#define STACK_BYTES ((size_t)256 << 10)

int thread_create(pthread_t *thread, void *(*function)(void *unused))
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error)
        return error;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    error = pthread_create(thread, &attributes, function, NULL);
    if (error == EINVAL) /* the program's thread-locals leave no room in a stack this small */
        error = pthread_create(thread, NULL, function, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

void thread_begin(void (*mark)(void))
{
    prctl(PR_SET_NAME, "otelagent", 0, 0, 0);
    if (mark)
        mark();
}
