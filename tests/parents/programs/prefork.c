// SPDX-License-Identifier: Apache-2.0
/* Processes that are there before the first request; each accepts a connection, serves it until
 * the client goes, and accepts the next.
 *
 * MODE=select: a worker first waits by select() for the listener and closes a connection after one
 * request (like gunicorn's sync workers). */
#include "http.h"
#include "work.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 8 };

static bool by_select;

static void serve(struct connection *connection)
{
    while (connection_receive(connection, false)) {
        unsigned long id = connection->request.id;
        bool worked = !id || work(id);
        connection->request.keep = connection->request.keep && !by_select;
        if (!connection_answer(connection, worked))
            break;
    }
    connection_close(connection);
}

static void wait_for(int listener)
{
    struct timeval second = {.tv_sec = 1};
    fd_set reads;

    FD_ZERO(&reads);
    FD_SET(listener, &reads);
    select(listener + 1, &reads, NULL, NULL, &second);
}

static void run_worker(int listener)
{
    for (;;) {
        if (by_select)
            wait_for(listener);
        struct connection *connection = connection_accept(listener, 0);
        if (connection)
            serve(connection);
    }
}

/* The workers are of this process's group. */
static void end_all(int number)
{
    signal(number, SIG_IGN);
    kill(0, number);
    while (wait(NULL) > 0)
        ;
    _exit(0);
}

int main(void)
{
    work_start();
    by_select = mode_is("select");
    int listener = listen_on_port();
    if (by_select) /* another worker may be quicker to accept */
        set_nonblocking(listener);
    for (int i = 0; i < WORKERS; i++)
        if (fork() == 0)
            run_worker(listener);
    signal(SIGTERM, end_all);
    for (;;)
        pause();
}
