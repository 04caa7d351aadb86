// SPDX-License-Identifier: Apache-2.0
/* The parent accepts a connection, reads its request and forks; the child works and answers, and
 * the connection ends with it. */
#include "http.h"
#include "work.h"
#include <signal.h>
#include <unistd.h>

int main(void)
{
    work_start();
    signal(SIGCHLD, SIG_IGN); /* nobody waits for the children */
    int listener = listen_on_port();
    for (;;) {
        struct connection *connection = connection_accept(listener, 0);
        if (!connection)
            continue;
        if (connection_receive(connection, false) && fork() == 0) {
            unsigned long id = connection->request.id;
            connection->request.keep = false;
            connection_answer(connection, !id || work(id));
            _exit(0);
        }
        connection_close(connection);
    }
}
