// SPDX-License-Identifier: Apache-2.0
#include "http.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512, ANSWER_BYTES = 256 };

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

/* The value of a field whose name is given as it stands on the wire, NULL without one. */
static const char *field(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);
    return at ? at + strlen(name) : NULL;
}

enum progress connection_progress(const struct connection *connection, struct request *request)
{
    char head[CONNECTION_BYTES + 1];
    const char *end = memmem(connection->bytes, connection->used, "\r\n\r\n", 4);

    if (!end)
        return connection->used == CONNECTION_BYTES ? REQUEST_BAD : REQUEST_MORE;
    request->head_bytes = (size_t)(end - connection->bytes) + 4;
    /* A copy, so that no search runs into the body or the next request. */
    memcpy(head, connection->bytes, request->head_bytes);
    head[request->head_bytes] = '\0';

    const char *path = strchr(head, '/');
    if (!path)
        return REQUEST_BAD;
    request->id = strncmp(path, "/work/", 6) == 0 ? strtoul(path + 6, NULL, 10) : 0;
    const char *length = field(head, "\r\nContent-Length:");
    request->body_bytes = length ? strtoul(length, NULL, 10) : 0;
    const char *wish = field(head, "\r\nConnection: ");
    request->keep = !wish || strncasecmp(wish, "close", 5) != 0;
    if (request->head_bytes + request->body_bytes > CONNECTION_BYTES)
        return REQUEST_BAD;
    bool whole = connection->used >= request->head_bytes + request->body_bytes;
    return whole ? REQUEST_WHOLE : REQUEST_HEAD;
}

bool connection_receive(struct connection *connection, struct request *request, bool only_head)
{
    for (;;) {
        enum progress progress = connection_progress(connection, request);
        if (progress == REQUEST_WHOLE || (progress == REQUEST_HEAD && only_head))
            return true;
        if (progress == REQUEST_BAD || connection_read(connection) <= 0)
            return false;
    }
}

void connection_drop(struct connection *connection, const struct request *request)
{
    size_t bytes = request->head_bytes + request->body_bytes;

    connection->used -= bytes;
    /* With the zero behind it. */
    memmove(connection->bytes, connection->bytes + bytes, connection->used + 1);
}

bool connection_answer(const struct connection *connection, const struct request *request,
                       bool worked)
{
    char answer[ANSWER_BYTES];
    char body[32];
    int body_bytes = snprintf(body, sizeof body, "%lu\n", request->id);
    int bytes = snprintf(answer, sizeof answer,
                         "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                         "Connection: %s\r\n\r\n%s",
                         worked ? "200 OK" : "500 Internal Server Error", body_bytes,
                         request->keep ? "keep-alive" : "close", body);

    for (int sent = 0; sent < bytes;) {
        ssize_t more = send(connection->fd, answer + sent, (size_t)(bytes - sent), MSG_NOSIGNAL);
        if (more > 0) {
            sent += (int)more;
            continue;
        }
        if (errno != EAGAIN)
            return false;
        struct pollfd writable = {connection->fd, POLLOUT, 0};
        poll(&writable, 1, 1000);
    }
    return true;
}
