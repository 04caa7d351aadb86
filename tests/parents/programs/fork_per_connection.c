// SPDX-License-Identifier: Apache-2.0
/* A process for each connection, forked when it was accepted; the child reads, works and answers.
 *
 * MODE=stdin: the child has the connection as its standard input and output, as inetd gives it. */
#include "http.h"
#include "work.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void serve(struct connection *connection)
{
    if (mode_is("stdin")) {
        dup2(connection->fd, STDIN_FILENO);
        dup2(connection->fd, STDOUT_FILENO);
        close(connection->fd);
        connection->fd = STDIN_FILENO;
    }
    while (connection_receive(connection, false)) {
        unsigned long id = connection->request.id;
        if (!connection_answer(connection, !id || work(id)))
            break;
    }
    _exit(0);
}

int main(void)
{
    work_start();
    signal(SIGCHLD, SIG_IGN); /* nobody waits for the children */
    int listener = listen_on_port();
    for (;;) {
        struct connection *connection = connection_accept(listener, 0);
        if (!connection)
            continue;
        if (fork() == 0) {
            close(listener);
            serve(connection);
        }
        connection_close(connection);
    }
}
