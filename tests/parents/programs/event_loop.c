// SPDX-License-Identifier: Apache-2.0
/* An event loop on one thread that has many requests in work at a time. A request waits for one of
 * a few database connections, which are asked without blocking; its fetch blocks the loop.
 *
 * MODE: epoll, poll or select: what the loop waits by.
 * MODE=batch: reads all that is ready, then starts all.
 * MODE=deferred: each call blocks, in a later turn than the one before.
 * MODE=timer: a job that belongs to no request, after a wait; timer-same-turn: after a turn's
 * requests, without a wait. */
#include "http.h"
#include "poller.h"
#include "work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BACKENDS = 4, BACKENDS_OF_BATCH = 32, JOB_INTERVAL_MS = 10 };

/* A whole request until its answer. */
struct task {
    struct connection *connection;
    struct backend *backend;
    struct task *next;
    int step;   /* the call that comes next, or is under way: 1 to 3 */
    int waits;  /* what MariaDB's nonblocking call waits for */
    int failed; /* of that call */
    bool worked;
    char statement[TARGET_BYTES];
};

/* First in, first out. */
struct tasks {
    struct task *first;
    struct task **last;
};

static struct tasks waiting;  /* for a backend */
static struct tasks deferred; /* to a later turn */
static int free_backends = BACKENDS;
static bool job_wanted; /* a request was answered since the last one, so that idle is idle */

static bool batch;
static bool blocking;

static void start_waiting(void);
static void step_on(struct task *task);

static void tasks_put(struct tasks *tasks, struct task *task)
{
    task->next = NULL;
    if (!tasks->first)
        tasks->last = &tasks->first;
    *tasks->last = task;
    tasks->last = &task->next;
}

static struct task *tasks_take(struct tasks *tasks)
{
    struct task *task = tasks->first;
    if (task)
        tasks->first = task->next;
    return task;
}

/* --- connections --- */

static void hang_up(struct connection *connection)
{
    poller_forget(connection->fd);
    connection_close(connection);
}

static void read_ready(void *object, short events);

/* While a request is in work nothing is read of its connection. */
static void read_on(struct connection *connection)
{
    enum progress progress = connection_collect(connection);

    if (progress == REQUEST_OVER) {
        hang_up(connection);
        return;
    }
    if (progress != REQUEST_WHOLE) {
        poller_watch(connection->fd, POLLIN, read_ready, connection);
        return;
    }
    if (!connection->request.id) {
        connection_answer(connection, true);
        hang_up(connection);
        return;
    }
    struct task *task = calloc(1, sizeof *task);
    task->connection = connection;
    task->worked = true;
    poller_forget(connection->fd);
    tasks_put(&waiting, task);
    if (!batch)
        start_waiting();
}

static void read_ready(void *object, short events)
{
    (void)events;
    read_on(object);
}

static void finish(struct task *task)
{
    struct connection *connection = task->connection;
    bool keep = connection_answer(connection, task->worked);

    job_wanted = true;
    backend_give(task->backend);
    free_backends++;
    free(task);
    if (keep)
        read_on(connection);
    else
        hang_up(connection);
    start_waiting();
}

/* --- calls --- */

static void sql_done(struct task *task)
{
    MYSQL *sql = task->backend->sql;
    MYSQL_RES *result = task->failed ? NULL : mysql_store_result(sql);

    poller_forget(mysql_get_socket(sql));
    if (!result)
        fprintf(stderr, "%s: %s\n", task->statement, mysql_error(sql));
    task->worked = task->worked && result;
    mysql_free_result(result);
    step_on(task);
}

static void sql_ready(void *object, short events);

static void sql_watch(struct task *task)
{
    short events = (short)((task->waits & MYSQL_WAIT_READ ? POLLIN : 0) |
                           (task->waits & MYSQL_WAIT_WRITE ? POLLOUT : 0));
    poller_watch(mysql_get_socket(task->backend->sql), events, sql_ready, task);
}

static void sql_start(struct task *task, int which)
{
    work_statement(task->statement, which, task->connection->request.id);
    task->waits = mysql_real_query_start(&task->failed, task->backend->sql, task->statement,
                                         strlen(task->statement));
    if (task->waits)
        sql_watch(task);
    else
        sql_done(task);
}

static void sql_ready(void *object, short events)
{
    struct task *task = object;
    int happened =
        (events & POLLIN ? MYSQL_WAIT_READ : 0) | (events & POLLOUT ? MYSQL_WAIT_WRITE : 0);

    task->waits = mysql_real_query_cont(&task->failed, task->backend->sql, happened);
    if (task->waits)
        sql_watch(task);
    else
        sql_done(task);
}

/* The next call of a task. */
static void step_on(struct task *task)
{
    task->step++;
    if (task->step == 1) {
        sql_start(task, 1);
    } else if (task->step == 2) {
        task->worked = work_fetch(task->backend, task->connection->request.id) && task->worked;
        step_on(task);
    } else if (task->step == 3) {
        sql_start(task, 2);
    } else {
        finish(task);
    }
}

static void step_blocking(struct task *task)
{
    unsigned long id = task->connection->request.id;

    task->step++;
    bool worked = task->step == 2 ? work_fetch(task->backend, id)
                                  : work_sql(task->backend, task->step == 1 ? 1 : 2, id);
    task->worked = task->worked && worked;
    if (task->step == 3)
        finish(task);
    else
        tasks_put(&deferred, task);
}

/* --- the loop --- */

static void start_waiting(void)
{
    while (waiting.first && free_backends > 0) {
        struct task *task = tasks_take(&waiting);
        task->backend = backend_take();
        if (!task->backend)
            exit(1);
        free_backends--;
        if (blocking)
            tasks_put(&deferred, task);
        else
            step_on(task);
    }
}

/* Those that were deferred before this turn. */
static struct tasks take_deferred(void)
{
    struct tasks taken = deferred;
    deferred = (struct tasks){0};
    return taken;
}

static void run_deferred(struct tasks *due)
{
    struct task *task;
    while ((task = tasks_take(due)))
        step_blocking(task);
}

static void run_due_job(void)
{
    static long last_ms;
    static unsigned long jobs;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    long now_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (!job_wanted || now_ms - last_ms < JOB_INTERVAL_MS)
        return;
    job_wanted = false;
    last_ms = now_ms;
    job(++jobs);
}

static void accept_one(void *listener, short events)
{
    struct connection *accepted = connection_accept(*(const int *)listener, SOCK_NONBLOCK);

    (void)events;
    if (accepted)
        read_on(accepted);
}

int main(void)
{
    bool timer = mode_is("timer");
    bool timer_same_turn = mode_is("timer-same-turn");
    bool has_timer = timer || timer_same_turn;

    work_start();
    batch = mode_is("batch");
    blocking = mode_is("deferred");
    if (batch)
        free_backends = BACKENDS_OF_BATCH;
    if (!blocking)
        backends_are_nonblocking();
    poller_open(mode_is("poll") ? "poll" : mode_is("select") ? "select" : "epoll");
    int listener = listen_on_port();
    poller_watch(listener, POLLIN, accept_one, &listener);
    for (;;) {
        poller_wait(deferred.first ? 0 : has_timer ? JOB_INTERVAL_MS : -1);
        struct tasks due = take_deferred();
        if (timer)
            run_due_job();
        poller_dispatch();
        start_waiting();
        run_deferred(&due);
        if (timer_same_turn)
            run_due_job();
    }
}
