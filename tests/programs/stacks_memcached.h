// SPDX-License-Identifier: Apache-2.0
/* stacks_memcached.h - steps of stacks.c that ask memcached by plain sockets.
 *
 * STACKS_MEMCACHED_PORT leads to one. */
#ifndef STACKS_MEMCACHED_H
#define STACKS_MEMCACHED_H

#include <arpa/inet.h>

#define MC_SET "set user:42 0 0 5\r\nvalue\r\n"
#define MC_HIT "VALUE user:42 0 5\r\nvalue\r\nEND\r\n"

static int memcached;

static void mc_connect(void)
{
    struct sockaddr_in server = {.sin_family = AF_INET};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons((uint16_t)atoi(getenv("STACKS_MEMCACHED_PORT")));
    memcached = socket(AF_INET, SOCK_STREAM, 0);
    connect(memcached, (struct sockaddr *)&server, sizeof server);
}

static void mc_ask(const char *text, const char *answer)
{
    send(memcached, text, strlen(text), 0);
    recv(memcached, request, strlen(answer), MSG_WAITALL);
}

static void mc_set(void)
{
    mc_ask(MC_SET, "STORED\r\n");
}

static void mc_fail(void)
{
    mc_ask("incr user:42 1\r\n",
           "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

static void mc_get(void)
{
    mc_ask("get user:42 none\r\n", MC_HIT);
}

static void mc_many(void)
{
    static char get[] = "get user:42\r\n";
    struct iovec parts[3] = {{get, sizeof get - 1}, {get, sizeof get - 1}, {get, sizeof get - 1}};
    writev(memcached, parts, 3);
    recv(memcached, request, 3 * strlen(MC_HIT), MSG_WAITALL);
}

static void mc_quiet(void)
{
    mc_ask("mg user:42 v k q\r\nms b 1 q\r\nx\r\n", "VA 5 kuser:42\r\nvalue\r\n");
    mc_ask("mn\r\n", "MN\r\n");
}

static void mc_pieces(void)
{
    for (size_t i = 0; i < sizeof MC_SET - 1; i++)
        write(memcached, MC_SET + i, 1);
    for (size_t i = 0; i < sizeof "STORED\r\n" - 1; i++)
        read(memcached, request, 1);
}

static void mc_large(void)
{
    static char head[] = "set large 0 0 60000\r\n";
    static char text[60002];
    struct iovec parts[2] = {{head, sizeof head - 1}, {text, sizeof text}};
    memset(text, 'x', sizeof text - 2);
    memcpy(text + sizeof text - 2, "\r\n", 2);
    writev(memcached, parts, 2);
    recv(memcached, request, sizeof "STORED\r\n" - 1, MSG_WAITALL);
    mc_ask("get large\r\n", "VALUE large 0 60000\r\n");
    recv(memcached, text, sizeof text, MSG_WAITALL);
    recv(memcached, request, sizeof "END\r\n" - 1, MSG_WAITALL);
}

/* The key is long, and nothing of it may be shown. */
static void mc_secret(void)
{
    mc_ask("get session:4k2j8fh3kq0s9d8f7g6h5j4k3l2m1n0p\r\n", "END\r\n");
}

static void mc_close(void)
{
    send(memcached, "get a\r\n", 7, 0);
    close(memcached);
}

/* The server closes the connection. */
static void mc_quit(void)
{
    send(memcached, "quit\r\n", 6, 0);
    recv(memcached, request, sizeof request, 0);
    close(memcached);
}

#define MEMCACHED_STEPS                                                                            \
    {"mc-connect", mc_connect}, {"mc-set", mc_set}, {"mc-fail", mc_fail}, {"mc-get", mc_get},      \
        {"mc-many", mc_many}, {"mc-quiet", mc_quiet}, {"mc-pieces", mc_pieces},                    \
        {"mc-large", mc_large}, {"mc-secret", mc_secret}, {"mc-close", mc_close},                  \
        {"mc-quit", mc_quit},

#endif
