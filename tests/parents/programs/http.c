// SPDX-License-Identifier: Apache-2.0
#include "http.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512, ANSWER_BYTES = 256, ANSWER_MS = 1000 };

/* --- connections --- */

int listen_on_port(void)
{
    const char *port = getenv("PORT");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port ? port : "8080")),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Accepted connections inherit it: no answer waits for the acknowledgement of the last one. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0) {
        perror("listen");
        exit(1);
    }
    return fd;
}

void set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

struct connection *connection_accept(int listener, int flags)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | flags);
    struct connection *connection = fd < 0 ? NULL : calloc(1, sizeof *connection);

    if (connection)
        connection->fd = fd;
    return connection;
}

void connection_close(struct connection *connection)
{
    close(connection->fd);
    free(connection);
}

/* --- requests --- */

long connection_read(struct connection *connection)
{
    size_t room = CONNECTION_BYTES - connection->used;
    ssize_t got = read(connection->fd, connection->bytes + connection->used, room);

    if (got > 0) {
        connection->used += (size_t)got;
        connection->bytes[connection->used] = '\0';
    }
    return got;
}

/* What follows `name`, which is as it stands on the wire; NULL without such a field. */
static const char *field(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);
    return at ? at + strlen(name) : NULL;
}

enum progress connection_progress(struct connection *connection)
{
    struct request *request = &connection->request;
    char head[CONNECTION_BYTES + 1];
    const char *end = memmem(connection->bytes, connection->used, "\r\n\r\n", 4);

    if (!end)
        return connection->used == CONNECTION_BYTES ? REQUEST_OVER : REQUEST_MORE;
    request->head_bytes = (size_t)(end - connection->bytes) + 4;
    /* A copy, so that no search runs into the body or the next request. */
    memcpy(head, connection->bytes, request->head_bytes);
    head[request->head_bytes] = '\0';

    const char *path = strchr(head, '/');
    request->id = path && strncmp(path, "/work/", 6) == 0 ? strtoul(path + 6, NULL, 10) : 0;
    const char *length = field(head, "\r\nContent-Length:");
    request->body_bytes = length ? strtoul(length, NULL, 10) : 0;
    const char *wish = field(head, "\r\nConnection: ");
    request->keep = !wish || strncasecmp(wish, "close", 5) != 0;
    if (request->body_bytes > CONNECTION_BYTES - request->head_bytes)
        return REQUEST_OVER;
    bool whole = connection->used >= request->head_bytes + request->body_bytes;
    return whole ? REQUEST_WHOLE : REQUEST_HEAD;
}

bool connection_receive(struct connection *connection, bool only_head)
{
    for (;;) {
        enum progress progress = connection_progress(connection);
        if (progress == REQUEST_WHOLE || (progress == REQUEST_HEAD && only_head))
            return true;
        if (progress == REQUEST_OVER || connection_read(connection) <= 0)
            return false;
    }
}

enum progress connection_collect(struct connection *connection)
{
    for (;;) {
        enum progress progress = connection_progress(connection);
        if (progress == REQUEST_WHOLE || progress == REQUEST_OVER)
            return progress;
        long got = connection_read(connection);
        if (got < 0 && errno == EAGAIN)
            return progress;
        if (got <= 0)
            return REQUEST_OVER;
    }
}

/* --- answers --- */

static bool send_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            count -= (size_t)sent;
            continue;
        }
        struct pollfd writable = {fd, POLLOUT, 0};
        if (errno != EAGAIN || poll(&writable, 1, ANSWER_MS) != 1)
            return false;
    }
    return true;
}

bool connection_answer(struct connection *connection, bool worked)
{
    const struct request *request = &connection->request;
    char answer[ANSWER_BYTES];
    char body[32];
    int body_bytes = snprintf(body, sizeof body, "%lu\n", request->id);
    int bytes = snprintf(answer, sizeof answer,
                         "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                         "Connection: %s\r\n\r\n%s",
                         worked ? "200 OK" : "500 Internal Server Error", body_bytes,
                         request->keep ? "keep-alive" : "close", body);

    size_t taken = request->head_bytes + request->body_bytes;
    connection->used -= taken;
    /* With the zero behind it. */
    memmove(connection->bytes, connection->bytes + taken, connection->used + 1);
    return send_all(connection->fd, answer, (size_t)bytes) && request->keep;
}
