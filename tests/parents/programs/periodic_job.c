// SPDX-License-Identifier: Apache-2.0
/* A pool whose threads read, work and answer, and now and then, after an answer, run a job that
 * belongs to no request (they refresh a cache). The acceptor's epoll set watches the connections
 * between requests.
 *
 * MODE=wait: a thread waits on a condition variable before the job; sleep: it sleeps; direct: it
 * begins right after the answer. */
#include "queue.h"
#include "reactor.h"
#include "work.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

enum { WORKERS = 8, REQUESTS_BETWEEN_JOBS = 5, PAUSE_NS = 1000000 };

static struct queue readable = QUEUE_EMPTY;
static atomic_ulong jobs;

static void wait_a_moment(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PAUSE_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&mutex);
    while (pthread_cond_timedwait(&never, &mutex, &until) == 0)
        ;
    pthread_mutex_unlock(&mutex);
}

static void run_job(void)
{
    struct timespec pause = {.tv_nsec = PAUSE_NS};

    if (mode_is("wait"))
        wait_a_moment();
    if (mode_is("sleep"))
        nanosleep(&pause, NULL);
    job(atomic_fetch_add(&jobs, 1) + 1);
}

/* Whether a request was answered. */
static bool serve(struct connection *connection)
{
    enum progress progress = connection_collect(connection);
    unsigned long id = connection->request.id;

    if (progress == REQUEST_OVER) {
        connection_close(connection);
        return false;
    }
    if (progress != REQUEST_WHOLE) {
        reactor_watch(connection, false);
        return false;
    }
    if (!connection_answer(connection, !id || work(id)))
        connection_close(connection);
    else if (connection_progress(connection) == REQUEST_WHOLE)
        queue_put(&readable, connection);
    else
        reactor_watch(connection, false);
    return id != 0;
}

static void *run_worker(void *context)
{
    (void)context;
    for (unsigned answered = 0;;) {
        if (!serve(queue_take(&readable)))
            continue;
        answered++;
        if (answered % REQUESTS_BETWEEN_JOBS == 0)
            run_job();
    }
    return NULL;
}

int main(void)
{
    work_start();
    int listener = listen_on_port();
    reactor_open(listener);
    start_threads(WORKERS, run_worker, NULL);
    for (;;) {
        struct connection *ready[REACTOR_EVENTS];
        int count = reactor_wait(ready, REACTOR_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *accepted =
                ready[i] ? NULL : connection_accept(listener, SOCK_NONBLOCK);
            if (ready[i])
                queue_put(&readable, ready[i]);
            else if (accepted)
                reactor_watch(accepted, true);
        }
    }
}
