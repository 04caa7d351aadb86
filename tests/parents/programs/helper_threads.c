// SPDX-License-Identifier: Apache-2.0
/* A thread for each connection, whose calls other threads make while it waits.
 *
 * MODE=made: a thread that is made for the request; the connection's thread answers.
 * MODE=answers: the same, and that thread answers, too.
 * MODE=executor: a pool of threads makes the calls of all requests; the connection's answers. */
#include "queue.h"
#include "work.h"
#include <pthread.h>
#include <semaphore.h>

enum { EXECUTORS = 4 };

/* What a connection's thread asks of another; `state` of the connection. */
struct errand {
    sem_t done;
    bool worked;
};

static struct queue errands = QUEUE_EMPTY;

static void run_errand(struct connection *connection)
{
    struct errand *errand = connection->state;
    errand->worked = work(connection->request.id);
    sem_post(&errand->done);
}

static void *run_executor(void *context)
{
    (void)context;
    for (;;)
        run_errand(queue_take(&errands));
    return NULL;
}

static void *run_made(void *context)
{
    run_errand(context);
    mysql_thread_end();
    return NULL;
}

static void *run_made_and_answer(void *context)
{
    struct connection *connection = context;
    struct errand *errand = connection->state;

    errand->worked = connection_answer(connection, work(connection->request.id));
    sem_post(&errand->done);
    mysql_thread_end();
    return NULL;
}

/* Whether the connection goes on. */
static bool serve_one(struct connection *connection)
{
    struct errand *errand = connection->state;

    if (!connection->request.id)
        return connection_answer(connection, true);
    if (mode_is("executor"))
        queue_put(&errands, connection);
    else
        start_threads(1, mode_is("answers") ? run_made_and_answer : run_made, connection);
    sem_wait(&errand->done);
    return mode_is("answers") ? errand->worked : connection_answer(connection, errand->worked);
}

static void *serve(void *context)
{
    struct connection *connection = context;
    struct errand errand = {.worked = false};

    sem_init(&errand.done, 0, 0);
    connection->state = &errand;
    while (connection_receive(connection, false) && serve_one(connection))
        ;
    connection_close(connection);
    return NULL;
}

int main(void)
{
    work_start();
    int listener = listen_on_port();
    if (mode_is("executor"))
        start_threads(EXECUTORS, run_executor, NULL);
    for (;;) {
        struct connection *connection = connection_accept(listener, 0);
        if (connection)
            start_threads(1, serve, connection);
    }
}
