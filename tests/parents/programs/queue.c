// SPDX-License-Identifier: Apache-2.0
#include "queue.h"
#include <stdlib.h>

void queue_put(struct queue *queue, struct connection *connection)
{
    connection->next = NULL;
    pthread_mutex_lock(&queue->mutex);
    if (queue->first)
        queue->last->next = connection;
    else
        queue->first = connection;
    queue->last = connection;
    pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->mutex);
}

static struct connection *take(struct queue *queue, bool waits)
{
    pthread_mutex_lock(&queue->mutex);
    while (waits && !queue->first)
        pthread_cond_wait(&queue->filled, &queue->mutex);
    struct connection *taken = queue->first;
    if (taken)
        queue->first = taken->next;
    pthread_mutex_unlock(&queue->mutex);
    return taken;
}

struct connection *queue_take(struct queue *queue)
{
    return take(queue, true);
}

struct connection *queue_take_if_any(struct queue *queue)
{
    return take(queue, false);
}

bool queue_is_empty(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    bool empty = !queue->first;
    pthread_mutex_unlock(&queue->mutex);
    return empty;
}

void start_threads(int count, void *(*run)(void *), void *context)
{
    pthread_attr_t detached;

    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, &detached, run, context) != 0)
            abort();
    }
    pthread_attr_destroy(&detached);
}
