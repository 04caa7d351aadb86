// SPDX-License-Identifier: Apache-2.0
/* stacks_clients.h - steps of stacks.c that call libraries of clients.
 *
 * STACKS_URL and STACKS_NOWHERE are URLs, of a server and of none; STACKS_ASKED is a request for
 * the server at STACKS_PORT; STACKS_MYSQL_PORT and STACKS_MYSQL_PASSWORD lead to the database
 * `shop`. Each call is a step of its own where it can be, because the deepest one would hide the
 * others. */
#ifndef STACKS_CLIENTS_H
#define STACKS_CLIENTS_H

#include <curl/curl.h>
#include <mysql.h>

static CURL *curl;
static CURLM *multi;
static int served; /* the request that the calls are made for */

/* ---- a request that calls are made for ---- */

static void open_request(void)
{
    served = begin();
}

static void close_request(void)
{
    send(served, answer, sizeof answer - 1, 0);
    close(served);
}

/* ---- a socket ---- */

static int connect_to_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons((uint16_t)atoi(getenv("STACKS_PORT")));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    connect(server, (struct sockaddr *)&address, sizeof address);
    return server;
}

static void ask(void)
{
    const char *asked = getenv("STACKS_ASKED");
    int server = connect_to_server();
    send(server, asked, strlen(asked), 0);
    while (recv(server, request, sizeof request, 0) > 0)
        ;
    close(server);
}

static void ask_in_pieces(void)
{
    const char *asked = getenv("STACKS_ASKED");
    int server = connect_to_server();
    send(server, asked, 20, 0);
    write(server, asked + 20, strlen(asked + 20));
    while (read(server, request, 20) > 0)
        ;
    close(server);
}

/* Whose answer it does not wait for. */
static void ask_and_leave(void)
{
    const char *asked = getenv("STACKS_ASKED");
    int server = connect_to_server();
    send(server, asked, strlen(asked), 0);
    close(server);
}

static void ask_for_something_else(void)
{
    int server = connect_to_server();
    send(server, "EHLO example\r\n", 14, 0);
    close(server);
}

/* ---- libcurl ---- */

static size_t ignore(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

static void curl_make(void)
{
    curl = curl_easy_init();
}

static void curl_set(void)
{
    curl_easy_setopt(curl, CURLOPT_URL, getenv("STACKS_URL"));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
}

static void curl_set_s3(void)
{
    static struct curl_slist *list;
    if (!list)
        list = curl_slist_append(NULL, "x-amz-copy-source: /from/key%20one?versionId=7");
    curl_set();
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, "aws:amz:eu-central-1:s3");
    curl_easy_setopt(curl, CURLOPT_USERPWD, "id:key");
}

static void curl_set_nowhere(void)
{
    curl_easy_setopt(curl, CURLOPT_URL, getenv("STACKS_NOWHERE"));
}

static void curl_go(void)
{
    curl_easy_perform(curl);
}

static void curl_copy(void)
{
    curl_easy_cleanup(curl_easy_duphandle(curl));
}

static void curl_forget(void)
{
    curl_easy_reset(curl);
}

static void curl_end(void)
{
    curl_easy_cleanup(curl);
}

static void multi_add(void)
{
    if (!multi)
        multi = curl_multi_init();
    curl_multi_add_handle(multi, curl);
}

static void multi_go(void)
{
    int running = 1;
    while (running && curl_multi_perform(multi, &running) == CURLM_OK)
        if (running)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
}

static void multi_read(void)
{
    int left;
    while (curl_multi_info_read(multi, &left))
        ;
}

static void multi_remove(void)
{
    curl_multi_remove_handle(multi, curl);
}

/* ---- libmariadb ---- */

static MYSQL *mysql;
static MYSQL_STMT *stmt;

static void my_make(void)
{
    mysql = mysql_init(NULL);
}

static void my_connect(void)
{
    if (!mysql_real_connect(mysql, "127.0.0.1", "shop", getenv("STACKS_MYSQL_PASSWORD"), "shop",
                            (unsigned)atoi(getenv("STACKS_MYSQL_PORT")), NULL, 0))
        _exit(3);
}

static void my_fetch(void)
{
    mysql_free_result(mysql_store_result(mysql));
}

static void my_query(void)
{
    mysql_query(mysql, "SELECT a.x FROM (SELECT 1 AS x, 'secret' AS y) AS a JOIN (SELECT 2 AS x) "
                       "AS b WHERE a.x IN (1, 2, 3) AND a.y = 'secret'");
    my_fetch();
}

static void my_real_query(void)
{
    static const char text[] = "SELECT 'secret'";
    mysql_real_query(mysql, text, sizeof text - 1);
    my_fetch();
}

static void my_fail(void)
{
    mysql_query(mysql, "SELECT nothing FROM nowhere WHERE a = 'b'");
}

static void my_use(void)
{
    mysql_query(mysql, "USE shop");
    mysql_select_db(mysql, "shop");
}

static void my_send(void)
{
    static const char text[] = "SELECT 'secret'";
    mysql_send_query(mysql, text, sizeof text - 1);
}

static void my_read(void)
{
    mysql_read_query_result(mysql);
    my_fetch();
}

static void my_transact(void)
{
    mysql_autocommit(mysql, 0);
    mysql_commit(mysql);
    mysql_rollback(mysql);
    mysql_autocommit(mysql, 1);
}

static void my_stmt_make(void)
{
    stmt = mysql_stmt_init(mysql);
}

static void my_prepare(void)
{
    static const char text[] = "SELECT 'secret' AS a FROM (SELECT 1 AS x) AS b WHERE x IN (1, 2)";
    mysql_stmt_prepare(stmt, text, sizeof text - 1);
}

static void my_execute(void)
{
    mysql_stmt_execute(stmt);
    mysql_stmt_free_result(stmt);
}

static void my_stmt_close(void)
{
    mysql_stmt_close(stmt);
}

static void my_close(void)
{
    mysql_close(mysql);
}

#define CLIENTS_STEPS                                                                              \
    {"ask", ask}, {"ask-pieces", ask_in_pieces}, {"ask-leave", ask_and_leave},                     \
        {"ask-else", ask_for_something_else}, {"open", open_request}, {"close", close_request},    \
        {"curl-make", curl_make}, {"curl-set", curl_set}, {"curl-set-s3", curl_set_s3},            \
        {"curl-set-nowhere", curl_set_nowhere}, {"curl-go", curl_go}, {"curl-copy", curl_copy},    \
        {"curl-forget", curl_forget}, {"curl-end", curl_end}, {"multi-add", multi_add},            \
        {"multi-go", multi_go}, {"multi-read", multi_read}, {"multi-remove", multi_remove},        \
        {"my-make", my_make}, {"my-connect", my_connect}, {"my-query", my_query},                  \
        {"my-real-query", my_real_query}, {"my-fail", my_fail}, {"my-use", my_use},                \
        {"my-send", my_send}, {"my-read", my_read}, {"my-transact", my_transact},                  \
        {"my-stmt-make", my_stmt_make}, {"my-prepare", my_prepare}, {"my-execute", my_execute},    \
        {"my-stmt-close", my_stmt_close}, {"my-close", my_close},

#endif
