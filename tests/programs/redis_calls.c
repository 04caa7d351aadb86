// SPDX-License-Identifier: Apache-2.0
/* What hiredis is made to ask. usage: redis_calls PORT PASSWORD SESSION */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void print(const redisReply *reply)
{
    if (!reply)
        die("no reply");
    if (reply->type == REDIS_REPLY_INTEGER)
        printf("%lld\n", reply->integer);
    else if (reply->type == REDIS_REPLY_NIL)
        printf("nil\n");
    else if (reply->type != REDIS_REPLY_ARRAY && reply->len < 100)
        printf("%s\n", reply->str);
    else if (reply->type != REDIS_REPLY_ARRAY)
        printf("%zu bytes\n", (size_t)reply->len);
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        print(reply->element[i]);
}

static void ask(redisContext *client, const char *format, const char *argument)
{
    redisReply *reply = redisCommand(client, format, argument);
    print(reply);
    freeReplyObject(reply);
}

static void take(redisContext *client, int count)
{
    while (count-- > 0) {
        void *reply = NULL;
        if (redisGetReply(client, &reply) != REDIS_OK)
            die(client->errstr);
        print(reply);
        freeReplyObject(reply);
    }
}

static redisContext *open_client(int port, const char *password)
{
    redisContext *client = redisConnect("127.0.0.1", port);
    if (!client || client->err)
        die("cannot connect");
    ask(client, "AUTH %s", password);
    ask(client, "SELECT 1", NULL);
    return client;
}

int main(int count, char **arguments)
{
    if (count != 4)
        die("usage: redis_calls PORT PASSWORD SESSION");
    redisContext *client = open_client(atoi(arguments[1]), arguments[2]);
    ask(client, "SET user:42 %s", "hunter");
    ask(client, "GET user:42", NULL);
    ask(client, "LPUSH user:42 %s", "hunter");
    redisAppendCommand(client, "GET a");
    redisAppendCommand(client, "GET b");
    take(client, 2);
    redisAppendCommand(client, "SET a hunter");
    redisAppendCommand(client, "INCR n");
    take(client, 2);
    redisAppendCommand(client, "MULTI");
    redisAppendCommand(client, "SET a hunter");
    redisAppendCommand(client, "INCR n");
    redisAppendCommand(client, "EXEC");
    take(client, 4);
    redisContext *reader = open_client(atoi(arguments[1]), arguments[2]);
    ask(reader, "SUBSCRIBE news", NULL);
    ask(client, "PUBLISH news %s", "hunter");
    take(reader, 1);
    ask(client, "GET PHPREDIS_SESSION:%s", arguments[3]);
    char *large = calloc(1, 600001);
    if (!large)
        die("no memory");
    memset(large, 'h', 600000);
    ask(client, "ECHO %s", large);
    free(large);
    redisFree(reader);
    redisFree(client);
    return 0;
}
