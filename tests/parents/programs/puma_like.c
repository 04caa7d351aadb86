// SPDX-License-Identifier: Apache-2.0
/* Like Puma: a thread of the pool takes a connection and reads what is there. If that is no whole
 * request, the reactor thread reads on and queues it, and any thread of the pool takes it, while
 * the one that began waits on the queue's condition variable. */
#include "queue.h"
#include "reactor.h"
#include "work.h"
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORKERS = 8 };

static struct queue todo = QUEUE_EMPTY;   /* accepted, or read by the reactor */
static struct queue handed = QUEUE_EMPTY; /* to the reactor */
static int wakeup = -1;                   /* counts what was handed */

static void hand_to_reactor(struct connection *connection)
{
    queue_put(&handed, connection);
    eventfd_write(wakeup, 1);
}

static void *run_worker(void *context)
{
    (void)context;
    for (;;) {
        struct connection *connection = queue_take(&todo);
        enum progress progress = connection_collect(connection);
        if (progress == REQUEST_OVER) {
            connection_close(connection);
            continue;
        }
        if (progress != REQUEST_WHOLE) {
            hand_to_reactor(connection);
            continue;
        }
        unsigned long id = connection->request.id;
        if (!connection_answer(connection, !id || work(id)))
            connection_close(connection);
        else if (connection_progress(connection) == REQUEST_WHOLE)
            queue_put(&todo, connection);
        else
            hand_to_reactor(connection);
    }
    return NULL;
}

/* The connections that were handed over since the last time. `state` says that the set has it. */
static void take_handed(void)
{
    eventfd_t count;
    struct connection *connection;

    eventfd_read(wakeup, &count);
    while ((connection = queue_take_if_any(&handed))) {
        bool fresh = !connection->state;
        connection->state = connection;
        reactor_watch(connection, fresh);
    }
}

static void *run_reactor(void *context)
{
    (void)context;
    for (;;) {
        struct connection *ready[REACTOR_EVENTS];
        int count = reactor_wait(ready, REACTOR_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (!ready[i]) {
                take_handed();
                continue;
            }
            enum progress progress = connection_collect(ready[i]);
            if (progress == REQUEST_WHOLE)
                queue_put(&todo, ready[i]);
            else if (progress == REQUEST_OVER)
                connection_close(ready[i]);
            else
                reactor_watch(ready[i], false);
        }
    }
    return NULL;
}

int main(void)
{
    work_start();
    int listener = listen_on_port();
    wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    reactor_open(wakeup);
    start_threads(1, run_reactor, NULL);
    start_threads(WORKERS, run_worker, NULL);
    for (;;) {
        struct connection *connection = connection_accept(listener, SOCK_NONBLOCK);
        if (connection)
            queue_put(&todo, connection);
    }
}
