// SPDX-License-Identifier: Apache-2.0
/* A thread for each connection, which reads, works and answers until the client goes.
 *
 * MODE=before-body: works once a request's head is there, and reads its body after that.
 * MODE=multi-…: the handler runs a loop of its own for its transfer; see private_loop.h. */
#include "private_loop.h"
#include "queue.h"

static bool before_body;
static work_function work_on = work;

static void *serve(void *context)
{
    struct connection *connection = context;

    while (connection_receive(connection, before_body)) {
        unsigned long id = connection->request.id;
        bool worked = !id || work_on(id);
        if (before_body && !connection_receive(connection, false))
            break;
        if (!connection_answer(connection, worked))
            break;
    }
    connection_close(connection);
    mysql_thread_end();
    return NULL;
}

int main(void)
{
    work_start();
    before_body = mode_is("before-body");
    if (private_loop_of_mode())
        work_on = private_loop_of_mode();
    int listener = listen_on_port();
    for (;;) {
        struct connection *connection = connection_accept(listener, 0);
        if (connection)
            start_threads(1, serve, connection);
    }
}
