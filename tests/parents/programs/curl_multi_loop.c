// SPDX-License-Identifier: Apache-2.0
/* An event loop on one thread whose handlers fetch by libcurl's multi interface: many transfers run
 * at a time, several may be done in one turn, and each handler then goes on with its second SQL and
 * its answer. A handler goes on although its client has gone.
 *
 * MODE=socket: curl_multi_socket_action in the program's own loop.
 * MODE=perform: curl_multi_poll waits for clients, too, then curl_multi_perform. */
#include "http.h"
#include "poller.h"
#include "work.h"
#include <stdlib.h>
#include <sys/socket.h>

enum { CLIENTS = 512 };

static CURLM *multi;
static long timeout_ms = -1; /* libcurl's */
static bool by_socket;
static struct connection *clients[CLIENTS]; /* by their descriptors; perform */

static void read_on(struct connection *connection);

/* --- which clients are waited for --- */

static void read_ready(void *object, short events)
{
    (void)events;
    read_on(object);
}

static void watch_client(struct connection *connection)
{
    if (by_socket)
        poller_watch(connection->fd, POLLIN, read_ready, connection);
    else
        clients[connection->fd] = connection;
}

static void forget_client(struct connection *connection)
{
    if (by_socket)
        poller_forget(connection->fd);
    else
        clients[connection->fd] = NULL;
}

/* --- a request --- */

/* `state` is its backend while it is in work. */
static bool start(struct connection *connection)
{
    struct backend *backend = backend_take();
    char url[URL_BYTES];

    if (!backend || !work_sql(backend, 1, connection->request.id))
        return false;
    connection->state = backend;
    curl_easy_setopt(backend->curl, CURLOPT_URL, work_url(url, connection->request.id));
    curl_easy_setopt(backend->curl, CURLOPT_PRIVATE, connection);
    return curl_multi_add_handle(multi, backend->curl) == CURLM_OK;
}

/* While a request is in work nothing is read of its connection. */
static void read_on(struct connection *connection)
{
    enum progress progress = connection_collect(connection);

    if (progress != REQUEST_WHOLE && progress != REQUEST_OVER) {
        watch_client(connection);
        return;
    }
    forget_client(connection);
    if (progress == REQUEST_OVER) {
        connection_close(connection);
    } else if (!connection->request.id) {
        connection_answer(connection, true);
        connection_close(connection);
    } else if (!start(connection)) {
        abort();
    }
}

static void finish(CURL *curl, CURLcode code)
{
    struct connection *connection = NULL;
    long status = 0;

    curl_easy_getinfo(curl, CURLINFO_PRIVATE, &connection);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(multi, curl);
    struct backend *backend = connection->state;
    bool worked = work_sql(backend, 2, connection->request.id) && code == CURLE_OK && status == 200;
    backend_give(backend);
    if (connection_answer(connection, worked))
        read_on(connection);
    else
        connection_close(connection);
}

static void finish_done(void)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(multi, &left)))
        if (message->msg == CURLMSG_DONE)
            finish(message->easy_handle, message->data.result);
}

static void accept_one(void *listener, short events)
{
    struct connection *accepted = connection_accept(*(const int *)listener, SOCK_NONBLOCK);

    (void)events;
    if (accepted && accepted->fd < CLIENTS)
        read_on(accepted);
}

/* --- socket --- */

/* libcurl hands over the descriptor as a pointer's value; `fds` holds each at its own place. */
static int fds[CLIENTS];

static void transfer_ready(void *object, short events)
{
    int running;
    int bits = (events & POLLIN ? CURL_CSELECT_IN : 0) | (events & POLLOUT ? CURL_CSELECT_OUT : 0);

    curl_multi_socket_action(multi, *(const int *)object, bits, &running);
}

static int watch_transfer(CURL *curl, curl_socket_t fd, int what, void *context, void *known)
{
    (void)curl;
    (void)context;
    (void)known;
    short events =
        (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
    fds[fd] = fd;
    if (what == CURL_POLL_REMOVE)
        poller_forget(fd);
    else
        poller_watch(fd, events, transfer_ready, &fds[fd]);
    return 0;
}

static int set_timeout(CURLM *of, long asked_ms, void *context)
{
    (void)of;
    (void)context;
    timeout_ms = asked_ms;
    return 0;
}

static _Noreturn void run_by_socket(int *listener)
{
    int running;

    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_transfer);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timeout);
    poller_open("epoll");
    poller_watch(*listener, POLLIN, accept_one, listener);
    for (;;) {
        long wait_ms = timeout_ms;
        poller_wait((int)wait_ms);
        poller_dispatch();
        if (wait_ms >= 0)
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        finish_done();
    }
}

/* --- perform --- */

static unsigned list_waits(int listener, struct curl_waitfd waits[CLIENTS])
{
    unsigned count = 0;

    waits[count++] = (struct curl_waitfd){listener, CURL_WAIT_POLLIN, 0};
    for (int fd = 0; fd < CLIENTS; fd++)
        if (clients[fd])
            waits[count++] = (struct curl_waitfd){fd, CURL_WAIT_POLLIN, 0};
    return count;
}

static _Noreturn void run_by_perform(int *listener)
{
    int running;

    for (;;) {
        struct curl_waitfd waits[CLIENTS];
        unsigned count = list_waits(*listener, waits);
        curl_multi_poll(multi, waits, count, 1000, NULL);
        for (unsigned i = 0; i < count; i++) {
            if (!waits[i].revents)
                continue;
            if (waits[i].fd == *listener)
                accept_one(listener, POLLIN);
            else
                read_on(clients[waits[i].fd]);
        }
        curl_multi_perform(multi, &running);
        finish_done();
    }
}

int main(void)
{
    work_start();
    by_socket = !mode_is("perform");
    multi = curl_multi_init();
    int listener = listen_on_port();
    set_nonblocking(listener);
    if (by_socket)
        run_by_socket(&listener);
    run_by_perform(&listener);
}
