// SPDX-License-Identifier: Apache-2.0
/* bench_calls - a client that asks the same again and again, to be measured by scripts/bench.
 *
 *     bench_calls mysql PORT USER PASSWORD SCHEMA
 *     bench_calls curl|sockets|redis PORT
 *
 * It answers each line of its standard input, `WHAT COUNT`, when it has made so many calls:
 *
 *     mysql    repeated: the same statement; new: each with an alias that no other had
 *     curl     plain: GETs by one easy handle; header: the same with a traceparent of its own, for
 *              what libcurl itself spends on one more header
 *     sockets  plain: GETs by send and recv
 *     redis    plain: GETs of one key, by send and recv
 *
 * -> calls N seconds S call_bytes N (of the statement, or of the request where it is written here)
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <mysql.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static unsigned port;
static size_t call_bytes;

static _Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench_calls: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* --- MySQL --- */

static MYSQL *mysql;

static void open_mysql(char **arguments)
{
    mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, "127.0.0.1", arguments[0], arguments[1], arguments[2], port,
                            NULL, 0))
        fail("%s", mysql_error(mysql));
}

/* An alias of letters alone: what has digits in it is looked at for secrets. */
static void write_alias(char alias[8], unsigned number)
{
    for (int i = 6; i >= 0; i--, number /= 26)
        alias[i] = (char)('a' + number % 26);
    alias[7] = '\0';
}

static void call_mysql(const char *what)
{
    static unsigned number;
    char alias[8], text[200];
    write_alias(alias, strcmp(what, "new") == 0 ? ++number : 0);
    int length = snprintf(text, sizeof text,
                          "SELECT name, price_cents AS %s FROM products WHERE id = 7 AND "
                          "name <> 'nobody' ORDER BY name LIMIT 10",
                          alias);
    call_bytes = (size_t)length;
    if (mysql_real_query(mysql, text, (unsigned long)length) != 0)
        fail("%s", mysql_error(mysql));
    MYSQL_RES *rows = mysql_store_result(mysql);
    if (!rows)
        fail("no rows: %s", mysql_error(mysql));
    mysql_free_result(rows);
}

/* --- libcurl --- */

static CURL *curl;
static struct curl_slist *one_more;

static size_t pass_over(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

static void open_curl(char **arguments)
{
    (void)arguments;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/small.txt", port);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    curl = curl_easy_init();
    one_more = curl_slist_append(
        NULL, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    if (!curl || !one_more)
        fail("no memory");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, pass_over);
}

static void call_curl(const char *what)
{
    static const char *set;
    bool header = strcmp(what, "header") == 0;
    if (!set || strcmp(set, what) != 0)
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, header ? one_more : NULL);
    set = header ? "header" : "plain";
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        fail("%s", curl_easy_strerror(code));
}

/* --- plain sockets --- */

static int connection;

static void open_connection(char **arguments)
{
    (void)arguments;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect to 127.0.0.1:%u: %s", port, strerror(errno));
}

/* Has the whole of an HTTP response with Content-Length come? */
static bool http_ends(const char *answer, size_t length)
{
    const char *end = strstr(answer, "\r\n\r\n");
    const char *body = strcasestr(answer, "\r\nContent-Length:");
    return end && body && body < end &&
           length >= (size_t)(end + 4 - answer) + strtoul(body + 17, NULL, 10);
}

static bool redis_ends(const char *answer, size_t length)
{
    return length >= 2 && answer[length - 1] == '\n' && strcmp(answer, "$5\r\nvalue\r\n") == 0;
}

static void ask(const char *text, bool (*ends)(const char *, size_t))
{
    char answer[4096];
    size_t length = 0;
    call_bytes = strlen(text);
    if (send(connection, text, call_bytes, MSG_NOSIGNAL) != (ssize_t)call_bytes)
        fail("send: %s", strerror(errno));
    do {
        ssize_t more = recv(connection, answer + length, sizeof answer - 1 - length, 0);
        if (more <= 0)
            fail("no answer");
        length += (size_t)more;
        answer[length] = '\0';
    } while (!ends(answer, length));
}

static void call_sockets(const char *what)
{
    (void)what;
    ask("GET /small.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench_calls/1\r\n"
        "Accept: */*\r\n\r\n",
        http_ends);
}

static void call_redis(const char *what)
{
    (void)what;
    ask("*2\r\n$3\r\nGET\r\n$7\r\nuser:42\r\n", redis_ends);
}

/* --- */

static const struct client {
    const char *name;
    int arguments; /* behind the port */
    void (*open)(char **arguments);
    void (*call)(const char *what);
} CLIENTS[] = {
    {"mysql", 3, open_mysql, call_mysql},
    {"curl", 0, open_curl, call_curl},
    {"sockets", 0, open_connection, call_sockets},
    {"redis", 0, open_connection, call_redis},
};

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void obey(const struct client *client)
{
    char what[16];
    long count;
    while (scanf("%15s %ld", what, &count) == 2) {
        double began = now_seconds();
        for (long i = 0; i < count; i++)
            client->call(what);
        printf("calls %ld seconds %.6f call_bytes %zu\n", count, now_seconds() - began, call_bytes);
        fflush(stdout);
    }
}

int main(int count, char **arguments)
{
    for (size_t i = 0; count >= 3 && i < sizeof CLIENTS / sizeof *CLIENTS; i++) {
        const struct client *client = &CLIENTS[i];
        if (strcmp(arguments[1], client->name) != 0 || count != 3 + client->arguments)
            continue;
        port = (unsigned)strtoul(arguments[2], NULL, 10);
        client->open(arguments + 3);
        obey(client);
        return 0;
    }
    fail("usage: bench_calls mysql PORT USER PASSWORD SCHEMA | curl|sockets|redis PORT");
}
