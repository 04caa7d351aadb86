// SPDX-License-Identifier: Apache-2.0
/* stacks_redis.h - steps of stacks.c that ask a server of Redis by plain sockets.
 *
 * STACKS_REDIS_PORT leads to one without a password. */
#ifndef STACKS_REDIS_H
#define STACKS_REDIS_H

#include <arpa/inet.h>

#define LARGE "60000"

static int redis;

static void redis_connect(void)
{
    struct sockaddr_in server = {.sin_family = AF_INET};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons((uint16_t)atoi(getenv("STACKS_REDIS_PORT")));
    redis = socket(AF_INET, SOCK_STREAM, 0);
    connect(redis, (struct sockaddr *)&server, sizeof server);
}

static void redis_ask(const char *text, const char *reply)
{
    send(redis, text, strlen(text), 0);
    recv(redis, request, strlen(reply), MSG_WAITALL);
}

#define SET "*3\r\n$3\r\nset\r\n$7\r\nuser:42\r\n$5\r\nvalue\r\n"
#define GET "*2\r\n$3\r\nGET\r\n$7\r\nuser:42\r\n"

static void redis_set(void)
{
    redis_ask(SET, "+OK\r\n");
}

static void redis_fail(void)
{
    redis_ask("*3\r\n$5\r\nLPUSH\r\n$7\r\nuser:42\r\n$6\r\nsecret\r\n",
              "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
}

static void redis_select(void)
{
    redis_ask("*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n", "+OK\r\n");
}

static void redis_many(void)
{
    struct iovec parts[3] = {{GET, sizeof GET - 1}, {GET, sizeof GET - 1}, {GET, sizeof GET - 1}};
    writev(redis, parts, 3);
    recv(redis, request, 3 * strlen("$5\r\nvalue\r\n"), MSG_WAITALL);
}

static void redis_transact(void)
{
    redis_ask("*1\r\n$5\r\nMULTI\r\n" SET SET "*1\r\n$4\r\nEXEC\r\n",
              "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n");
}

static void redis_pieces(void)
{
    for (size_t i = 0; i < sizeof SET - 1; i++)
        write(redis, SET + i, 1);
    for (size_t i = 0; i < sizeof "+OK\r\n" - 1; i++)
        read(redis, request, 1);
}

static void redis_large(void)
{
    static const char head[] = "*2\r\n$4\r\nECHO\r\n$" LARGE "\r\n";
    static char text[60002];
    struct iovec parts[2] = {{(char *)head, sizeof head - 1}, {text, sizeof text}};
    memset(text, 'x', sizeof text - 2);
    memcpy(text + sizeof text - 2, "\r\n", 2);
    writev(redis, parts, 2);
    recv(redis, request, sizeof "$" LARGE "\r\n" - 1 + sizeof text, MSG_WAITALL);
}

/* The key is long, and nothing of it may be shown. */
static void redis_secret(void)
{
    redis_ask("*2\r\n$3\r\nGET\r\n$49\r\nPHPREDIS_SESSION:4k2j8fh3kq0s9d8f7g6h5j4k3l2m1n0p\r\n",
              "$-1\r\n");
}

static void redis_close(void)
{
    send(redis, GET, sizeof GET - 1, 0);
    close(redis);
}

/* The server answers the first command, and is gone. */
static void redis_quit(void)
{
    redis_ask("*1\r\n$4\r\nQUIT\r\n" GET, "+OK\r\n");
    recv(redis, request, sizeof request, 0);
    close(redis);
}

#define REDIS_STEPS                                                                                \
    {"redis-connect", redis_connect}, {"redis-set", redis_set}, {"redis-fail", redis_fail},        \
        {"redis-select", redis_select}, {"redis-many", redis_many},                                \
        {"redis-transact", redis_transact}, {"redis-pieces", redis_pieces},                        \
        {"redis-large", redis_large}, {"redis-secret", redis_secret},                              \
        {"redis-close", redis_close}, {"redis-quit", redis_quit},

#endif
