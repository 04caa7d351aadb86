// SPDX-License-Identifier: Apache-2.0
/* crowd.h - threads that do the same, and one that tidies up, for as long as the argument says, and
 * on a busy machine until they have done enough. */
#ifndef TESTS_STRESS_CROWD_H
#define TESTS_STRESS_CROWD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define CROWD         4
#define CROWD_SECONDS 60 /* then what was done has to do */

static _Atomic bool over;

/* `work` gets a number from 1. */
static inline void crowd_run(int count, char **arguments, void *(*work)(void *number),
                             void *(*tidy)(void *unused), bool (*enough)(void))
{
    unsigned seconds = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 2;
    pthread_t threads[CROWD + 1];
    for (uintptr_t i = 0; i <= CROWD; i++)
        if (pthread_create(&threads[i], NULL, i < CROWD ? work : tidy, (void *)(i + 1)) != 0)
            abort();
    sleep(seconds);
    for (int i = 0; i < CROWD_SECONDS && !enough(); i++)
        sleep(1);
    over = true;
    for (int i = 0; i <= CROWD; i++)
        pthread_join(threads[i], NULL);
}

#endif
