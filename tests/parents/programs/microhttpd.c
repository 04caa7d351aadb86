// SPDX-License-Identifier: Apache-2.0
/* libmicrohttpd in each of its modes, with synchronous handlers.
 *
 * MODE: thread (one a connection), select, poll or epoll (a thread that waits so and handles all),
 * pool-select, pool-poll or pool-epoll (four of them), external (the program's own select). */
#include "work.h"
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

enum { POOL_THREADS = 4, CONNECTIONS = 400 };

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **of_request)
{
    static int begun;

    (void)context;
    (void)method;
    (void)version;
    (void)upload;
    /* First when the head is there, then for each piece of the body, then at its end. */
    if (!*of_request) {
        *of_request = &begun;
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        *upload_bytes = 0;
        return MHD_YES;
    }
    unsigned long id = strncmp(url, "/work/", 6) == 0 ? strtoul(url + 6, NULL, 10) : 0;
    bool worked = !id || work(id);
    char body[32];
    int bytes = snprintf(body, sizeof body, "%lu\n", id);
    struct MHD_Response *response =
        MHD_create_response_from_buffer((size_t)bytes, body, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", "text/plain");
    enum MHD_Result queued = MHD_queue_response(connection, worked ? 200 : 500, response);
    MHD_destroy_response(response);
    return queued;
}

static struct MHD_Daemon *start(unsigned flags, unsigned threads)
{
    const char *port = getenv("PORT");
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, (uint16_t)atoi(port ? port : "8080"), NULL, NULL, handle, NULL,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
        threads ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, MHD_OPTION_END);

    if (!daemon)
        exit(1);
    return daemon;
}

static _Noreturn void run_external(struct MHD_Daemon *daemon)
{
    for (;;) {
        fd_set sets[3];
        int highest = -1;
        MHD_UNSIGNED_LONG_LONG timeout_ms = 1000;
        for (int i = 0; i < 3; i++)
            FD_ZERO(&sets[i]);
        MHD_get_fdset(daemon, &sets[0], &sets[1], &sets[2], &highest);
        MHD_get_timeout(daemon, &timeout_ms);
        struct timeval timeout = {(time_t)(timeout_ms / 1000),
                                  (suseconds_t)(timeout_ms % 1000 * 1000)};
        select(highest + 1, &sets[0], &sets[1], &sets[2], &timeout);
        MHD_run_from_select(daemon, &sets[0], &sets[1], &sets[2]);
    }
}

static unsigned flags_of(const char *mode)
{
    if (strcmp(mode, "thread") == 0)
        return MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD;
    if (strcmp(mode, "epoll") == 0)
        return MHD_USE_EPOLL_INTERNAL_THREAD;
    if (strcmp(mode, "poll") == 0)
        return MHD_USE_POLL_INTERNAL_THREAD;
    return MHD_USE_INTERNAL_POLLING_THREAD;
}

int main(void)
{
    const char *mode = getenv("MODE");

    work_start();
    if (!mode || strcmp(mode, "external") == 0)
        run_external(start(0, 0));
    bool pool = strncmp(mode, "pool-", 5) == 0;
    start(flags_of(pool ? mode + 5 : mode), pool ? POOL_THREADS : 0);
    for (;;)
        pause();
}
