// SPDX-License-Identifier: Apache-2.0
/* Threads of a pool that read some requests themselves and take others that the acceptor has read,
 * in turn. A thread that has just answered a request of its own takes one that it has not read,
 * without having waited where the queue is not empty.
 *
 * MODE=blocking: the acceptor reads the first request of every second connection, waiting for it;
 * a connection then stays with its worker, for a few requests.
 * MODE=epoll: every second time that a connection can be read, the acceptor reads. */
#include "queue.h"
#include "reactor.h"
#include "work.h"
#include <sys/socket.h>

enum { WORKERS = 8, REQUESTS_OF_A_CONNECTION = 4 };

static struct queue todo = QUEUE_EMPTY;

/* --- blocking --- */

static void *serve_some(void *context)
{
    (void)context;
    for (;;) {
        struct connection *connection = queue_take(&todo);
        for (int i = 1; connection_receive(connection, false); i++) {
            unsigned long id = connection->request.id;
            connection->request.keep &= i < REQUESTS_OF_A_CONNECTION;
            if (!connection_answer(connection, !id || work(id)))
                break;
        }
        connection_close(connection);
    }
    return NULL;
}

static _Noreturn void accept_blocking(int listener)
{
    start_threads(WORKERS, serve_some, NULL);
    for (unsigned turn = 0;; turn++) {
        struct connection *connection = connection_accept(listener, 0);
        if (!connection)
            continue;
        if (turn % 2 == 0 || connection_receive(connection, false))
            queue_put(&todo, connection);
        else
            connection_close(connection);
    }
}

/* --- epoll --- */

/* What the queue has is a whole request or nothing of one, as far as the acceptor knows. */
static void *serve_one(void *context)
{
    (void)context;
    for (;;) {
        struct connection *connection = queue_take(&todo);
        enum progress progress = connection_collect(connection);
        unsigned long id = connection->request.id;
        if (progress == REQUEST_OVER)
            connection_close(connection);
        else if (progress != REQUEST_WHOLE)
            reactor_watch(connection, false);
        else if (!connection_answer(connection, !id || work(id)))
            connection_close(connection);
        else if (connection_progress(connection) == REQUEST_WHOLE)
            queue_put(&todo, connection);
        else
            reactor_watch(connection, false);
    }
    return NULL;
}

static void read_on(struct connection *connection)
{
    enum progress progress = connection_collect(connection);

    if (progress == REQUEST_WHOLE)
        queue_put(&todo, connection);
    else if (progress == REQUEST_OVER)
        connection_close(connection);
    else
        reactor_watch(connection, false);
}

static _Noreturn void accept_by_epoll(int listener)
{
    reactor_open(listener);
    start_threads(WORKERS, serve_one, NULL);
    for (unsigned turn = 0;;) {
        struct connection *ready[REACTOR_EVENTS];
        int count = reactor_wait(ready, REACTOR_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i] && turn++ % 2 == 0) {
                queue_put(&todo, ready[i]);
            } else if (ready[i]) {
                read_on(ready[i]);
            } else {
                struct connection *accepted = connection_accept(listener, SOCK_NONBLOCK);
                if (accepted)
                    reactor_watch(accepted, true);
            }
        }
    }
}

int main(void)
{
    work_start();
    int listener = listen_on_port();
    if (mode_is("blocking"))
        accept_blocking(listener);
    accept_by_epoll(listener);
}
