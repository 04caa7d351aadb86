// SPDX-License-Identifier: Apache-2.0
/* A coroutine for each connection, all on one thread; a handler gives way between its calls.
 *
 * MODE: mmap, bss or assembly, see coroutine.h; no-yield: as mmap, and handlers do not give way
 * between the last byte of a request and its answer. */
#include "coroutine.h"
#include "http.h"
#include "work.h"
#include <stdlib.h>
#include <sys/socket.h>

static bool yields;

static void give_way(void)
{
    if (yields)
        coroutine_yield();
}

static bool work_giving_way(unsigned long id)
{
    struct backend *backend = backend_take();

    if (!backend)
        return false;
    give_way();
    bool worked = work_sql(backend, 1, id);
    give_way();
    worked = work_fetch(backend, id) && worked;
    give_way();
    worked = work_sql(backend, 2, id) && worked;
    backend_give(backend);
    return worked;
}

static bool receive(struct connection *connection)
{
    enum progress progress;

    while ((progress = connection_collect(connection)) != REQUEST_WHOLE) {
        if (progress == REQUEST_OVER)
            return false;
        coroutine_wait_readable(connection->fd);
    }
    return true;
}

static void serve(void *context)
{
    struct connection *connection = context;

    while (receive(connection)) {
        unsigned long id = connection->request.id;
        if (!connection_answer(connection, !id || work_giving_way(id)))
            break;
    }
    connection_close(connection);
}

static void accept_one(int listener)
{
    struct connection *connection = connection_accept(listener, SOCK_NONBLOCK);
    if (connection && !coroutine_start(serve, connection))
        connection_close(connection);
}

int main(void)
{
    const char *mode = getenv("MODE");

    work_start();
    yields = !mode_is("no-yield");
    coroutines_open(mode ? mode : "mmap");
    coroutines_run(listen_on_port(), accept_one);
}
