// SPDX-License-Identifier: Apache-2.0
/* Threads that wait on one epoll set together. Each takes one connection at a time, reads what is
 * there and, if a request is whole, works and answers at once; the rest of a request that comes
 * later is often read by another thread. */
#include "queue.h"
#include "reactor.h"
#include "work.h"
#include <sys/socket.h>

enum { WORKERS = 8 };

static int listener;

static void serve(struct connection *connection)
{
    enum progress progress;

    while ((progress = connection_collect(connection)) == REQUEST_WHOLE) {
        unsigned long id = connection->request.id;
        if (!connection_answer(connection, !id || work(id))) {
            progress = REQUEST_OVER;
            break;
        }
    }
    if (progress == REQUEST_OVER)
        connection_close(connection);
    else
        reactor_watch(connection, false);
}

static void *run_worker(void *context)
{
    (void)context;
    for (;;) {
        struct connection *ready;
        if (reactor_wait(&ready, 1, -1) != 1)
            continue;
        if (ready) {
            serve(ready);
            continue;
        }
        struct connection *accepted = connection_accept(listener, SOCK_NONBLOCK);
        if (accepted)
            reactor_watch(accepted, true);
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
