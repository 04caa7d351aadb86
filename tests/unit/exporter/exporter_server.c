// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/exporter/exporter_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Guards what is kept of requests: connections have a thread each. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Waits for the descriptor; false once the test is over. */
static bool readable(struct server *server, int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (!server->ending)
        if (poll(&wait, 1, 5) > 0)
            return true;
    return false;
}

/* Waits until the peer takes more; false once it has gone, or the test is over. */
static bool writable(struct server *server, int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    while (!server->ending)
        if (poll(&wait, 1, 5) > 0)
            return true;
    return false;
}

/* Until the peer goes, or the test is over; what it still sends is left unread. */
static void hang(struct server *server, int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLRDHUP};
    while (!server->ending && poll(&wait, 1, 5) == 0)
        continue;
}

/* The bytes of the body that follows, -1 at the end of the connection. */
static long read_head(struct server *server, int fd)
{
    size_t length = 0;
    char *end = NULL;
    char head[sizeof server->head] = "";
    while (!end) {
        if (!readable(server, fd) || recv(fd, head + length, 1, 0) <= 0)
            return -1;
        length++;
        assert(length < sizeof head);
        end = strstr(head, "\r\n\r\n");
    }
    const char *field = strstr(head, "Content-Length: ");
    assert(field);
    pthread_mutex_lock(&lock);
    memcpy(server->head, head, sizeof head);
    pthread_mutex_unlock(&lock);
    return strtol(field + 16, NULL, 10);
}

static bool read_body(struct server *server, int fd, size_t bytes)
{
    char *body = malloc(bytes + 1);
    for (size_t at = 0; at < bytes;) {
        ssize_t got = readable(server, fd) ? recv(fd, body + at, bytes - at, 0) : 0;
        if (got <= 0) {
            free(body);
            return false;
        }
        at += (size_t)got;
    }
    pthread_mutex_lock(&lock);
    free(server->body);
    server->body = body;
    server->body_bytes = bytes;
    pthread_mutex_unlock(&lock);
    return true;
}

static void keep_body(struct server *server)
{
    pthread_mutex_lock(&lock);
    server->all = realloc(server->all, server->all_bytes + server->body_bytes + 1);
    memcpy(server->all + server->all_bytes, server->body, server->body_bytes);
    server->all_bytes += server->body_bytes;
    pthread_mutex_unlock(&lock);
}

/* Carries out a step; false: the connection is over. */
static bool answer(struct server *server, int fd, const struct step *step)
{
    size_t bytes = step->bytes;
    if (!bytes && step->answer)
        bytes = strlen(step->answer);
    if (step->action == STEP_RESET || step->action == STEP_RESET_UNREAD) {
        struct linger now = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        return false;
    }
    if (step->action == STEP_HANG)
        return readable(server, fd) && false;
    while (step->action == STEP_FLOOD)
        if (!writable(server, fd) || send(fd, step->answer, bytes, MSG_NOSIGNAL) < 0)
            return false;
    if (step->action != STEP_UNREAD && bytes >= 12 && memcmp(step->answer + 9, "200", 3) == 0)
        keep_body(server);
    size_t piece = step->action == STEP_DRIP ? 1 : bytes;
    for (size_t at = 0; at < bytes; at += piece)
        if (send(fd, step->answer + at, piece, MSG_NOSIGNAL) < 0)
            return false;
    if (step->action == STEP_UNREAD)
        hang(server, fd);
    return step->action != STEP_CLOSE_AFTER;
}

struct connection {
    struct server *server;
    int fd;
    pthread_t thread;
};

static const struct step *next_step(const struct server *server, int number)
{
    int last = server->step_count - 1;
    return &server->steps[number < last ? number : last];
}

static void *serve_connection(void *argument)
{
    struct connection *connection = argument;
    struct server *server = connection->server;
    bool open = true;
    long bytes;
    while (open && (bytes = read_head(server, connection->fd)) >= 0) {
        if (next_step(server, server->requests)->action < STEP_UNREAD &&
            !read_body(server, connection->fd, (size_t)bytes))
            break;
        open = answer(server, connection->fd, next_step(server, server->requests++));
    }
    close(connection->fd);
    return NULL;
}

static void *serve(void *argument)
{
    struct server *server = argument;
    struct connection connections[64];
    int count = 0;
    while (readable(server, server->listener)) {
        struct connection *connection = &connections[count++];
        assert(count < 64);
        connection->server = server;
        connection->fd = accept(server->listener, NULL, NULL);
        server->connections++;
        pthread_create(&connection->thread, NULL, serve_connection, connection);
    }
    while (count-- > 0)
        pthread_join(connections[count].thread, NULL);
    return NULL;
}

static int listen_tcp(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = bind(fd, (struct sockaddr *)&address, sizeof address);
    failed |= getsockname(fd, (struct sockaddr *)&address, &length);
    assert(!failed);
    (void)failed;
    server->port = ntohs(address.sin_port);
    return fd;
}

static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = bind(fd, (struct sockaddr *)&address, sizeof address);
    assert(!failed);
    (void)failed;
    return fd;
}

void server_start(struct server *server, const struct step *steps, int count, const char *path)
{
    pthread_t thread;
    memset(server, 0, sizeof *server);
    server->steps = steps;
    server->step_count = count;
    server->listener = path ? listen_unix(path) : listen_tcp(server);
    listen(server->listener, 16);
    pthread_create(&thread, NULL, serve, server);
    server->thread = (unsigned long)thread;
}

void server_look(struct server *server)
{
    (void)server;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
}

void server_stop(struct server *server)
{
    server->ending = true;
    pthread_join((pthread_t)server->thread, NULL);
    close(server->listener);
    free(server->body);
    free(server->all);
    server->body = NULL;
    server->all = NULL;
}

const char *server_url(const struct server *server)
{
    static char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/traces", (unsigned)server->port);
    return url;
}
