// SPDX-License-Identifier: Apache-2.0
/* server.c - the smallest HTTP server: one thread, one connection at a time, libc and no heap.
 *
 *     server [WARM_UP]
 *
 * Prints its port and answers every request with 200 and the size of its body, keeping the
 * connection; SIGTERM ends it in good order. With heap_guard.c linked in, calls of malloc() and its
 * kin end it with SIGABRT once WARM_UP requests are answered. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* heap_guard.c, or nothing. */
extern void heap_guard_arm(void) __attribute__((weak));

static volatile sig_atomic_t ending;
static int listener;
static char received[65536];
static size_t held; /* bytes of `received` that are not dealt with yet */

static void end(int signal)
{
    (void)signal;
    ending = 1;
    shutdown(listener, SHUT_RDWR); /* accept() returns, also where it has not begun yet */
}

static bool receive_more(int client)
{
    ssize_t got = recv(client, received + held, sizeof received - 1 - held, 0);
    if (got <= 0)
        return false;
    held += (size_t)got;
    received[held] = '\0';
    return true;
}

static void deal_with(size_t bytes)
{
    held -= bytes;
    memmove(received, received + bytes, held + 1);
}

/* Until the mark is there; the bytes up to its end, 0 if it never comes. */
static size_t receive_until(int client, const char *mark)
{
    const char *found;
    while (!(found = held ? strstr(received, mark) : NULL))
        if (!receive_more(client))
            return 0;
    return (size_t)(found - received) + strlen(mark);
}

/* Deals with so many bytes, however many come at a time. */
static bool drop(int client, size_t bytes)
{
    while (bytes > held) {
        bytes -= held;
        deal_with(held);
        if (!receive_more(client))
            return false;
    }
    deal_with(bytes);
    return true;
}

static bool drop_chunks(int client, size_t *total)
{
    for (;;) {
        size_t line = receive_until(client, "\r\n");
        if (!line)
            return false;
        size_t bytes = strtoul(received, NULL, 16);
        deal_with(line);
        *total += bytes;
        if (!drop(client, bytes + 2))
            return false;
        if (bytes == 0)
            return true;
    }
}

static bool receive_request(int client, size_t *body_bytes)
{
    size_t head = receive_until(client, "\r\n\r\n");
    if (!head)
        return false;
    received[head - 1] = '\0'; /* fields are looked for in the head only */
    const char *length = strcasestr(received, "\ncontent-length:");
    bool chunked = strcasestr(received, "\ntransfer-encoding: chunked") != NULL;
    *body_bytes = length ? strtoul(length + 16, NULL, 10) : 0;
    deal_with(head);
    return chunked ? drop_chunks(client, body_bytes) : drop(client, *body_bytes);
}

static char *write_number(char *end, size_t number)
{
    do
        *--end = (char)('0' + number % 10);
    while (number /= 10);
    return end;
}

static bool answer(int client, size_t body_bytes)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 20\r\n\r\n";
    char text[sizeof head - 1 + 20];
    memcpy(text, head, sizeof head - 1);
    memset(text + sizeof head - 1, ' ', 20);
    write_number(text + sizeof text, body_bytes);
    return send(client, text, sizeof text, MSG_NOSIGNAL) == (ssize_t)sizeof text;
}

static void serve(int client, unsigned long warm_up)
{
    static unsigned long answered;
    size_t body_bytes = 0;
    held = 0;
    received[0] = '\0';
    while (receive_request(client, &body_bytes) && answer(client, body_bytes))
        if (++answered == warm_up && heap_guard_arm)
            heap_guard_arm();
}

int main(int count, char **arguments)
{
    unsigned long warm_up = count > 1 ? strtoul(arguments[1], NULL, 10) : 0;
    struct sigaction action = {.sa_handler = end}; /* without SA_RESTART: recv() returns */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;

    sigaction(SIGTERM, &action, NULL);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 ||
        listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("server");
        return 1;
    }
    dprintf(STDOUT_FILENO, "%d\n", ntohs(address.sin_port));
    while (!ending) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            continue;
        serve(client, warm_up);
        close(client);
    }
    return 0;
}
