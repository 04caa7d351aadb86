// SPDX-License-Identifier: Apache-2.0
/* An event loop on one thread whose handlers are synchronous: it collects what comes until a
 * request is whole, then works and answers before it looks at another connection.
 *
 * MODE: epoll, poll or select. */
#include "http.h"
#include "poller.h"
#include "work.h"
#include <stdlib.h>
#include <sys/socket.h>

static void serve(void *object, short events)
{
    struct connection *connection = object;
    enum progress progress;

    (void)events;
    while ((progress = connection_collect(connection)) == REQUEST_WHOLE) {
        unsigned long id = connection->request.id;
        if (!connection_answer(connection, !id || work(id))) {
            progress = REQUEST_OVER;
            break;
        }
    }
    if (progress == REQUEST_OVER) {
        poller_forget(connection->fd);
        connection_close(connection);
    }
}

static void accept_one(void *listener, short events)
{
    struct connection *accepted = connection_accept(*(const int *)listener, SOCK_NONBLOCK);

    (void)events;
    if (accepted)
        poller_watch(accepted->fd, POLLIN, serve, accepted);
}

int main(void)
{
    const char *mode = getenv("MODE");

    work_start();
    poller_open(mode ? mode : "epoll");
    int listener = listen_on_port();
    poller_watch(listener, POLLIN, accept_one, &listener);
    for (;;) {
        poller_wait(-1);
        poller_dispatch();
    }
}
