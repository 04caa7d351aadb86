// SPDX-License-Identifier: Apache-2.0
/* What programs under test call by libcurl: answers any path 0 to 5 ms later, so that requests
 * overlap, and writes down what came: path, traceparent, tracestate and baggage, a line a request,
 * with a tab between them. It knows nothing of the agent and never runs under it.
 *
 * upstream LOG    listens on PORT */
#include "queue.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { VALUE_BYTES = 512, LONGEST_DELAY_US = 5000 };

static int log_fd;

/* The value of a field, "" without one. */
static void value_of(const char *head, const char *name, char value[VALUE_BYTES])
{
    const char *at = strcasestr(head, name);
    size_t bytes = 0;

    if (at) {
        at += strlen(name);
        at += strspn(at, " \t");
        bytes = strcspn(at, "\r\n");
        if (bytes >= VALUE_BYTES)
            bytes = VALUE_BYTES - 1;
        memcpy(value, at, bytes);
    }
    value[bytes] = '\0';
}

/* One write to a file opened for appending: lines of threads do not mix. */
static void write_down(const char *head)
{
    char path[VALUE_BYTES] = "";
    char traceparent[VALUE_BYTES];
    char tracestate[VALUE_BYTES];
    char baggage[VALUE_BYTES];
    char line[4 * VALUE_BYTES + 8];

    sscanf(head, "%*s %500s", path);
    value_of(head, "\r\ntraceparent:", traceparent);
    value_of(head, "\r\ntracestate:", tracestate);
    value_of(head, "\r\nbaggage:", baggage);
    int bytes =
        snprintf(line, sizeof line, "%s\t%s\t%s\t%s\n", path, traceparent, tracestate, baggage);
    if (write(log_fd, line, (size_t)bytes) != bytes)
        abort();
}

static void *serve(void *context)
{
    struct connection *connection = context;
    unsigned seed = (unsigned)connection->fd * 2654435761U + (unsigned)time(NULL);

    while (connection_receive(connection, false)) {
        char head[CONNECTION_BYTES + 1];
        memcpy(head, connection->bytes, connection->request.head_bytes);
        head[connection->request.head_bytes] = '\0';
        write_down(head);
        struct timespec delay = {.tv_nsec = rand_r(&seed) % LONGEST_DELAY_US * 1000L};
        nanosleep(&delay, NULL);
        if (!connection_answer(connection, true))
            break;
    }
    connection_close(connection);
    return NULL;
}

int main(int count, char **arguments)
{
    if (count != 2)
        return 2;
    log_fd = open(arguments[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int listener = listen_on_port();
    for (;;) {
        struct connection *connection = connection_accept(listener, 0);
        if (connection)
            start_threads(1, serve, connection);
    }
}
