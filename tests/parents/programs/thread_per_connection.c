// SPDX-License-Identifier: Apache-2.0
/* A thread for each connection, which reads, works and answers until the client goes.
 *
 * MODE=before-body: works once a request's head is there, and reads its body after that. */
#include "http.h"
#include "work.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static bool before_body;

static void *serve(void *context)
{
    struct connection *connection = context;
    struct request request;

    while (connection_receive(connection, &request, before_body)) {
        bool worked = !request.id || work(request.id);
        if (before_body && !connection_receive(connection, &request, false))
            break;
        if (!connection_answer(connection, &request, worked) || !request.keep)
            break;
        connection_drop(connection, &request);
    }
    close(connection->fd);
    free(connection);
    mysql_thread_end();
    return NULL;
}

int main(void)
{
    work_start();
    before_body = mode_is("before-body");
    int listener = listen_on_port();
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        struct connection *connection = calloc(1, sizeof *connection);
        connection->fd = fd;
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, connection) != 0)
            return 1;
        pthread_detach(thread);
    }
}
