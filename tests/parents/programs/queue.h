// SPDX-License-Identifier: Apache-2.0
/* Connections that wait for a worker, oldest first, and the threads that take them. */
#pragma once
#include "http.h"
#include <pthread.h>

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct connection *first; /* mutex */
    struct connection *last;  /* mutex */
};

#define QUEUE_EMPTY                                                                                \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, NULL                            \
    }

void queue_put(struct queue *queue, struct connection *connection);

/* The oldest: waits for one, or NULL at once where there is none. */
struct connection *queue_take(struct queue *queue);
struct connection *queue_take_if_any(struct queue *queue);
bool queue_is_empty(struct queue *queue);

/* Threads of the same code; ends the program if they can't be made. */
void start_threads(int count, void *(*run)(void *), void *context);
