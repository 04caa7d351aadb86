// SPDX-License-Identifier: Apache-2.0
/* Every call of libmariadb that the agent stands in front of, once and with its failures; prints
 * what each returned. Run untraced and traced it prints the same.
 *
 * mysql_calls HOST PORT SOCKET USER PASSWORD SCHEMA */
#include <mysql.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const *to; /* the arguments */

static void said(const char *call, long result, MYSQL *mysql)
{
    printf("%s: %ld, %u %s\n", call, result, mysql_errno(mysql), mysql_error(mysql));
}

static void rows(MYSQL *mysql)
{
    MYSQL_RES *result = mysql_store_result(mysql);
    if (!result) {
        printf("affected %lld\n", (long long)mysql_affected_rows(mysql));
        return;
    }
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));)
        printf("row %s\n", row[0] ? row[0] : "NULL");
    mysql_free_result(result);
}

static void query(MYSQL *mysql, const char *text)
{
    said("query", mysql_query(mysql, text), mysql);
    if (!mysql_errno(mysql))
        rows(mysql);
}

static MYSQL *connected(const char *host, const char *socket)
{
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, host, to[4], to[5], to[6], (unsigned)atoi(to[2]), socket,
                            CLIENT_MULTI_STATEMENTS))
        printf("connect: %u\n", mysql_errno(mysql));
    return mysql;
}

static void text_protocol(MYSQL *mysql)
{
    query(mysql, "CREATE TEMPORARY TABLE people (id INT PRIMARY KEY, name VARCHAR(50) UNIQUE)");
    query(mysql, "INSERT INTO people VALUES (1, 'hunter-two'), (2, 'swordfish')");
    query(mysql, "SELECT name FROM people WHERE name = 'hunter-two' OR id IN (4, 5, 6)");
    query(mysql, "UPDATE people SET name = 'hunter-three' WHERE id = 1");
    query(mysql, "DELETE FROM people WHERE id = 4711");
    query(mysql, "INSERT INTO people VALUES (7, 'swordfish')");
    query(mysql, "SELECT nothing FROM nowhere");
    query(mysql, "SELEKT 'open-sesame' FROM people");
    static const char binary[] = "SELECT 'nul\0inside', 'swordfish' FROM people";
    said("real_query", mysql_real_query(mysql, binary, sizeof binary - 1), mysql);
    rows(mysql);
    query(mysql, "SELECT SLEEP(0.15)");
}

static void transactions(MYSQL *mysql)
{
    said("autocommit", mysql_autocommit(mysql, 0), mysql);
    query(mysql, "INSERT INTO people VALUES (20, 'committed')");
    said("commit", mysql_commit(mysql), mysql);
    query(mysql, "INSERT INTO people VALUES (21, 'rolled back')");
    said("rollback", mysql_rollback(mysql), mysql);
    said("autocommit", mysql_autocommit(mysql, 1), mysql);
}

static void several(MYSQL *mysql)
{
    said("batch",
         mysql_query(mysql, "SELECT 1; SELECT 'swordfish'; INSERT INTO people VALUES "
                            "(2, 'swordfish')"),
         mysql);
    int next;
    do {
        rows(mysql);
        next = mysql_next_result(mysql);
        said("next_result", next, mysql);
    } while (next == 0);
}

static void apart(MYSQL *mysql)
{
    char text[] = "SELECT name FROM people WHERE id = 2 -- apart";
    said("send_query", mysql_send_query(mysql, text, sizeof text - 1), mysql);
    memset(text, 'x', sizeof text); /* its memory is the application's again */
    said("read_query_result", mysql_read_query_result(mysql), mysql);
    rows(mysql);
    said("send_query", mysql_send_query(mysql, "SELECT bad FROM people", 22), mysql);
    said("read_query_result", mysql_read_query_result(mysql), mysql);
}

static void prepared(MYSQL *mysql)
{
    MYSQL_STMT *stmt = mysql_stmt_init(mysql);
    static const char insert[] = "INSERT INTO people VALUES (?, 'prepared-secret')";
    printf("prepare: %d\n", mysql_stmt_prepare(stmt, insert, sizeof insert - 1));
    int id = 30;
    MYSQL_BIND bind;
    memset(&bind, 0, sizeof bind);
    bind.buffer_type = MYSQL_TYPE_LONG;
    bind.buffer = &id;
    mysql_stmt_bind_param(stmt, &bind);
    printf("execute: %d\n", mysql_stmt_execute(stmt));
    printf("affected: %lld\n", (long long)mysql_stmt_affected_rows(stmt));
    int again = mysql_stmt_execute(stmt);
    printf("execute: %d, %u %s\n", again, mysql_stmt_errno(stmt), mysql_stmt_error(stmt));
    printf("close: %d\n", mysql_stmt_close(stmt));

    stmt = mysql_stmt_init(mysql);
    static const char wrong[] = "SELECT 'open-sesame' FRM people";
    int bad = mysql_stmt_prepare(stmt, wrong, sizeof wrong - 1);
    printf("prepare: %d, %u\n", bad, mysql_stmt_errno(stmt));
    mysql_stmt_close(stmt);
}

static void places(MYSQL *mysql)
{
    said("select_db", mysql_select_db(mysql, "information_schema"), mysql);
    query(mysql, "SELECT 1 FROM tables LIMIT 0");
    query(mysql, "USE shop");
    query(mysql, "SELECT 2 FROM people LIMIT 0");
    said("select_db", mysql_select_db(mysql, "no_such_schema"), mysql);
    said("change_user", mysql_change_user(mysql, to[4], to[5], "information_schema"), mysql);
    query(mysql, "SELECT 3 FROM tables LIMIT 0");
    said("ping", mysql_ping(mysql), mysql);
}

/* The nonblocking calls run the others on a stack of their own. */
static void nonblocking(void)
{
    MYSQL *mysql = mysql_init(NULL);
    mysql_options(mysql, MYSQL_OPT_NONBLOCK, NULL);
    MYSQL *made = NULL;
    int waits = mysql_real_connect_start(&made, mysql, to[1], to[4], to[5], to[6],
                                         (unsigned)atoi(to[2]), NULL, 0);
    while (waits)
        waits = mysql_real_connect_cont(&made, mysql, waits);
    static const char text[] = "SELECT SLEEP(0.02) AS nonblocking";
    int failed = 1;
    waits = mysql_real_query_start(&failed, mysql, text, sizeof text - 1);
    int rounds = 0;
    while (waits) {
        struct pollfd poll_for = {mysql_get_socket(mysql), POLLIN, 0};
        poll(&poll_for, 1, 1000);
        waits = mysql_real_query_cont(&failed, mysql, waits);
        rounds++;
    }
    printf("nonblocking: %d after %s\n", failed, rounds ? "waiting" : "nothing");
    rows(mysql);
    query(mysql, "SELECT 'after nonblocking' FROM DUAL");
    mysql_close(mysql);
}

static void refused(void)
{
    MYSQL *mysql = mysql_init(NULL);
    MYSQL *result =
        mysql_real_connect(mysql, "127.0.0.1", to[4], "wrong-password", to[6], 1, NULL, 0);
    printf("refused: %s %u\n", result ? "connected" : "not", mysql_errno(mysql));
    mysql_close(mysql);
    mysql = mysql_init(NULL);
    result = mysql_real_connect(mysql, to[1], to[4], "wrong-password", to[6], (unsigned)atoi(to[2]),
                                NULL, 0);
    printf("denied: %s %u\n", result ? "connected" : "not", mysql_errno(mysql));
    mysql_close(mysql);
}

static sigjmp_buf back;

static void jump(int number)
{
    siglongjmp(back, number);
}

/* A handle that was jumped out of is of no use; the thread's other handles are. */
static void jumped(void)
{
    MYSQL *broken = connected(to[1], NULL);
    signal(SIGALRM, jump);
    timer_t timer;
    struct itimerspec soon = {.it_value.tv_nsec = 50000000};
    timer_create(CLOCK_MONOTONIC, NULL, &timer);
    if (sigsetjmp(back, 1) == 0) {
        timer_settime(timer, 0, &soon, NULL);
        mysql_query(broken, "SELECT SLEEP(0.5) AS jumped");
        puts("not jumped");
    }
    timer_delete(timer);
    MYSQL *other = connected(to[1], NULL);
    query(other, "SELECT 'after the jump' FROM DUAL");
    mysql_close(other);
    mysql_close(broken);
}

/* Two transactions in each other's way, one retries. */
static void deadlock(void)
{
    MYSQL *first = connected(to[1], NULL);
    MYSQL *second = connected(to[1], NULL);
    query(first, "CREATE TABLE IF NOT EXISTS locks (id INT PRIMARY KEY, n INT) ENGINE=InnoDB");
    query(first, "REPLACE INTO locks VALUES (1, 0), (2, 0)");
    query(second, "SET innodb_lock_wait_timeout = 1");
    query(first, "BEGIN");
    query(first, "UPDATE locks SET n = n + 1 WHERE id = 1");
    query(second, "UPDATE locks SET n = n + 10 WHERE id = 1"); /* 1205 */
    query(first, "COMMIT");
    query(second, "UPDATE locks SET n = n + 10 WHERE id = 1");
    query(second, "DROP TABLE locks");
    mysql_close(second);
    mysql_close(first);
}

int main(int count, char **arguments)
{
    if (count < 7)
        return 2;
    to = (const char *const *)arguments;
    setvbuf(stdout, NULL, _IOLBF, 0);
    MYSQL *mysql = connected(to[1], NULL);
    text_protocol(mysql);
    transactions(mysql);
    several(mysql);
    apart(mysql);
    prepared(mysql);
    places(mysql);
    mysql_close(mysql);

    mysql = connected("localhost", to[3]);
    query(mysql, "SELECT 'by socket' FROM DUAL");
    mysql_close(mysql);
    nonblocking();
    refused();
    jumped();
    deadlock();
    mysql_library_end();
    return 0;
}
