// SPDX-License-Identifier: Apache-2.0
/* A reactor thread reads requests until they are whole and queues them; the threads of a pool work
 * and answer. No thread both reads a request and works on it. */
#include "queue.h"
#include "reactor.h"
#include "work.h"
#include <sys/socket.h>

enum { WORKERS = 8 };

static struct queue whole = QUEUE_EMPTY;

static void *run_worker(void *context)
{
    (void)context;
    for (;;) {
        struct connection *connection = queue_take(&whole);
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

int main(void)
{
    work_start();
    int listener = listen_on_port();
    reactor_open(listener);
    start_threads(WORKERS, run_worker, NULL);
    for (;;) {
        struct connection *ready[REACTOR_EVENTS];
        int count = reactor_wait(ready, REACTOR_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i]) {
                read_on(ready[i]);
                continue;
            }
            struct connection *accepted = connection_accept(listener, SOCK_NONBLOCK);
            if (accepted)
                reactor_watch(accepted, true);
        }
    }
}
