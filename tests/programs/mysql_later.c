// SPDX-License-Identifier: Apache-2.0
/* What libmariadb does later than, or beside, the call that was asked for it: texts that are gone
 * before a nonblocking call ends, its own reconnect, later results, a statement made and run at
 * once. Prints what each returned.
 *
 * mysql_later PORT USER PASSWORD SCHEMA [close | exit | fork | refused]
 *
 * With a word more: a nonblocking call waits when its connection is closed, when the program exits,
 * or when a child closes its copy; or a statement is refused without a reason. */
#include <mysql.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const *to; /* the arguments */

static MYSQL *prepare(void)
{
    MYSQL *mysql = mysql_init(NULL);
    my_bool on = 1;
    mysql_options(mysql, MYSQL_OPT_RECONNECT, &on);
    mysql_options(mysql, MYSQL_OPT_NONBLOCK, NULL);
    return mysql;
}

static MYSQL *connected(void)
{
    MYSQL *mysql = prepare();
    if (!mysql_real_connect(mysql, "127.0.0.1", to[2], to[3], to[4], (unsigned)atoi(to[1]), NULL,
                            CLIENT_MULTI_STATEMENTS))
        printf("connect: %u %s\n", mysql_errno(mysql), mysql_error(mysql));
    return mysql;
}

static void drain(MYSQL *mysql)
{
    int more;
    do {
        MYSQL_RES *result = mysql_store_result(mysql);
        if (result)
            mysql_free_result(result);
        more = mysql_next_result(mysql);
    } while (more == 0);
    printf("drained: %d %u\n", more, mysql_errno(mysql));
}

static void ask(MYSQL *mysql, const char *text)
{
    printf("ask: %d\n", mysql_query(mysql, text));
    drain(mysql);
}

/* A copy that can be taken away: reading it then is a fault, not luck. */
static char *lend(const char *text)
{
    char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return strcpy(page, text);
}

static void take_back(char *page)
{
    munmap(page, 65536);
}

/* Waits for what a nonblocking call waits for. */
static int await(MYSQL *mysql, int waits)
{
    struct pollfd poll_for = {mysql_get_socket(mysql), 0, 0};
    if (waits & MYSQL_WAIT_READ)
        poll_for.events |= POLLIN;
    if (waits & MYSQL_WAIT_WRITE)
        poll_for.events |= POLLOUT;
    poll(&poll_for, 1, 10000);
    return waits & ~MYSQL_WAIT_TIMEOUT;
}

/* The texts of statements are gone once their call has begun. */
static void nonblocking(void)
{
    MYSQL *mysql = prepare();
    MYSQL *made = NULL;
    char *host = lend("127.0.0.1"), *user = lend(to[2]), *password = lend(to[3]),
         *schema = lend(to[4]);
    int waits = mysql_real_connect_start(&made, mysql, host, user, password, schema,
                                         (unsigned)atoi(to[1]), NULL, 0);
    while (waits)
        waits = mysql_real_connect_cont(&made, mysql, await(mysql, waits));
    printf("connect: %d\n", made == mysql);

    int failed = -1;
    char *text = lend("SELECT SLEEP(0.05) AS gone FROM items");
    waits = mysql_query_start(&failed, mysql, text);
    take_back(text);
    while (waits)
        waits = mysql_query_cont(&failed, mysql, await(mysql, waits));
    printf("query: %d\n", failed);
    drain(mysql);

    static const char update[] = "UPDATE items SET id = SLEEP(0.01) WHERE id = 'hunter two'";
    text = lend(update);
    waits = mysql_real_query_start(&failed, mysql, text, sizeof update - 1);
    take_back(text);
    while (waits)
        waits = mysql_real_query_cont(&failed, mysql, await(mysql, waits));
    printf("real_query: %d\n", failed);
    drain(mysql);

    MYSQL_STMT *stmt = mysql_stmt_init(mysql);
    static const char wrong[] = "SELECT absent_column FROM items";
    text = lend(wrong);
    waits = mysql_stmt_prepare_start(&failed, stmt, text, sizeof wrong - 1);
    take_back(text);
    while (waits)
        waits = mysql_stmt_prepare_cont(&failed, stmt, await(mysql, waits));
    printf("prepare: %d\n", failed);
    mysql_stmt_close(stmt);

    waits = mysql_select_db_start(&failed, mysql, schema);
    while (waits)
        waits = mysql_select_db_cont(&failed, mysql, await(mysql, waits));
    take_back(schema); /* the library itself reads it at the end */
    printf("select_db: %d\n", failed);

    my_bool refused = 1;
    schema = lend("information_schema");
    waits = mysql_change_user_start(&refused, mysql, user, password, schema);
    while (waits)
        waits = mysql_change_user_cont(&refused, mysql, await(mysql, waits));
    take_back(host);
    take_back(user);
    take_back(password);
    take_back(schema);
    printf("change_user: %d\n", refused);
    ask(mysql, "SELECT 1 FROM tables LIMIT 0");
    mysql_close(mysql);
}

static void lose(MYSQL *killer, MYSQL *mysql)
{
    char text[64];
    snprintf(text, sizeof text, "KILL %lu", mysql_thread_id(mysql));
    mysql_query(killer, text);
}

static void reconnecting(void)
{
    MYSQL *killer = connected();
    MYSQL *mysql = connected();
    lose(killer, mysql);
    ask(mysql, "INSERT INTO items VALUES (2)");
    ask(mysql, "DELETE FROM items");
    lose(killer, mysql);
    printf("ping: %d\n", mysql_ping(mysql));
    ask(mysql, "SELECT 'after ping' FROM items");
    lose(killer, mysql);
    printf("stat: %d\n", mysql_stat(mysql) != NULL);
    ask(mysql, "SELECT 'after stat' FROM items");
    lose(killer, mysql);
    MYSQL_STMT *stmt = mysql_stmt_init(mysql);
    static const char text[] = "REPLACE INTO items VALUES (3)";
    printf("prepare: %d\n", mysql_stmt_prepare(stmt, text, sizeof text - 1));
    printf("execute: %d\n", mysql_stmt_execute(stmt));
    mysql_stmt_close(stmt);
    mysql_close(mysql);
    mysql_close(killer);
}

/* One command of the protocol, where libmysqlclient sends a statement. */
static void list(MYSQL *mysql)
{
    MYSQL_RES *result = mysql_list_processes(mysql);
    printf("processes: %d\n", result != NULL);
    mysql_free_result(result);
}

static void prepared_call(MYSQL *mysql)
{
    MYSQL_STMT *stmt = mysql_stmt_init(mysql);
    mysql_stmt_prepare(stmt, "CALL report()", 13);
    printf("execute: %d\n", mysql_stmt_execute(stmt));
    int more;
    do {
        mysql_stmt_free_result(stmt);
        more = mysql_stmt_next_result(stmt);
    } while (more == 0);
    printf("next: %d\n", more);
    mysql_stmt_close(stmt);
}

static void later_results(MYSQL *mysql)
{
    ask(mysql, "CALL report()");
    ask(mysql, "INSERT INTO items VALUES (1); DELETE FROM items");
    ask(mysql, "CALL report()");
    prepared_call(mysql);
    /* the fifth row can't be computed: the error comes with the rows */
    printf("rows: %d\n", mysql_query(mysql, "SELECT (SELECT 1 FROM numbers AS two WHERE two.n <= "
                                            "one.n - 3) FROM numbers AS one"));
    MYSQL_RES *result = mysql_store_result(mysql);
    printf("stored: %d %u\n", result != NULL, mysql_errno(mysql));
    printf("asked again: %d\n", mysql_store_result(mysql) != NULL);
}

static void at_once(MYSQL *mysql)
{
    MYSQL_STMT *stmt = mysql_stmt_init(mysql);
    static const char first[] = "SELECT 'swordfish' FROM items";
    char second[] = "DELETE FROM items WHERE id = 'hunter two'";
    printf("prepare: %d\n", mysql_stmt_prepare(stmt, first, sizeof first - 1));
    printf("direct: %d\n", mariadb_stmt_execute_direct(stmt, second, sizeof second - 1));
    printf("execute: %d\n", mysql_stmt_execute(stmt));
    printf("direct: %d\n", mariadb_stmt_execute_direct(stmt, "DELETE FROM absent", (size_t)-1));
    mysql_stmt_close(stmt);
}

/* libmariadb refuses a statement while a result is awaited, and says no reason. */
static int refused(void)
{
    MYSQL *mysql = connected();
    static const char sent[] = "SELECT SLEEP(1) FROM numbers LIMIT 1";
    printf("send: %d\n", mysql_send_query(mysql, sent, sizeof sent - 1));
    MYSQL_STMT *stmt = mysql_stmt_init(mysql);
    int failed = mysql_stmt_prepare(stmt, "SELECT 1 FROM items", 19);
    printf("prepare: %d, %u\n", failed != 0, mysql_stmt_errno(stmt));
    mysql_stmt_close(stmt);
    mysql_close(mysql);
    return 0;
}

static int leave(const char *how)
{
    MYSQL *mysql = connected();
    int failed = -1;
    int waits =
        mysql_query_start(&failed, mysql, "SELECT SLEEP(1) AS left_alone FROM numbers LIMIT 1");
    printf("waits: %d\n", waits != 0);
    if (strcmp(how, "exit") == 0)
        return 0;
    if (strcmp(how, "fork") == 0) {
        if (fork() == 0) {
            close(mysql_get_socket(mysql)); /* so it connects once more, to say goodbye */
            mysql_close(mysql);
            exit(0);
        }
        wait(NULL);
        while (waits)
            waits = mysql_query_cont(&failed, mysql, await(mysql, waits));
        printf("query: %d\n", failed);
        drain(mysql);
    }
    mysql_close(mysql);
    return 0;
}

int main(int count, char **arguments)
{
    if (count < 5)
        return 2;
    to = (const char *const *)arguments;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count > 5 && strcmp(arguments[5], "refused") == 0)
        return refused();
    if (count > 5)
        return leave(arguments[5]);
    MYSQL *mysql = connected();
    ask(mysql, "CREATE OR REPLACE TABLE items (id INT); INSERT INTO items VALUES (1);"
               "CREATE OR REPLACE TABLE numbers (n INT PRIMARY KEY) ENGINE=InnoDB;"
               "INSERT INTO numbers VALUES (1), (2), (3), (4), (5);"
               "CREATE OR REPLACE PROCEDURE report() BEGIN SELECT 1; SELECT * FROM absent; END");
    list(mysql);
    nonblocking();
    reconnecting();
    later_results(mysql);
    at_once(mysql);
    mysql_close(mysql);
    mysql_library_end();
    return 0;
}
