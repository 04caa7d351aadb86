// SPDX-License-Identifier: Apache-2.0
/* Leader and followers: the threads take turns to wait for what can be read and to read it. Each
 * then works on the oldest request that was read, which is often another thread's. Until one of
 * them has answered a request that it did not read, nothing shows that requests change hands. */
#include "queue.h"
#include "reactor.h"
#include "work.h"
#include <pthread.h>
#include <sys/socket.h>

enum { WORKERS = 8, IDLE_MS = 100 };

static pthread_mutex_t leader = PTHREAD_MUTEX_INITIALIZER;
static struct queue whole = QUEUE_EMPTY;
static int listener;

static void read_on(struct connection *connection)
{
    enum progress progress = connection_collect(connection);

    if (progress == REQUEST_WHOLE)
        queue_put(&whole, connection);
    else if (progress == REQUEST_OVER)
        connection_close(connection);
    else
        reactor_watch(connection, false);
}

/* Reads all that can be read; waits for it only where there is nothing to do. */
static void lead(void)
{
    struct connection *ready[REACTOR_EVENTS];

    pthread_mutex_lock(&leader);
    int count = reactor_wait(ready, REACTOR_EVENTS, queue_is_empty(&whole) ? IDLE_MS : 0);
    for (int i = 0; i < count; i++) {
        struct connection *accepted = ready[i] ? NULL : connection_accept(listener, SOCK_NONBLOCK);
        if (ready[i])
            read_on(ready[i]);
        else if (accepted)
            reactor_watch(accepted, true);
    }
    pthread_mutex_unlock(&leader);
}

static void *run_worker(void *context)
{
    (void)context;
    for (;;) {
        struct connection *connection = queue_take_if_any(&whole);
        if (!connection) {
            lead();
            continue;
        }
        unsigned long id = connection->request.id;
        if (!connection_answer(connection, !id || work(id)))
            connection_close(connection);
        else if (connection_progress(connection) == REQUEST_WHOLE)
            queue_put(&whole, connection);
        else
            reactor_watch(connection, false);
    }
    return NULL;
}

int main(void)
{
    work_start();
    listener = listen_on_port();
    set_nonblocking(listener);
    reactor_open(listener);
    start_threads(WORKERS - 1, run_worker, NULL);
    run_worker(NULL);
}
