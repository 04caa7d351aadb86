// SPDX-License-Identifier: Apache-2.0
/* The agent's side of libmariadb, driven as hooks drive it, with a library of our own behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "agent/base/counters.h"
#include "agent/observe/observe_mysql.h"
#include "tests/unit/libraries/mysql/mysql_fake.h"
#include "tests/unit/passing.h"
#include "tests/unit/spans.h"
#include "tests/unit/working.h"

static void *const db = (void *)0x1000;
static void *const other = (void *)0x2000;
static void *const prepared = (void *)0x3000;

/* Frames of calls, the outer ones at higher addresses, as on a stack. */
static struct mysql_call frames[4];
static struct mysql_call *const outer = &frames[2];
static struct mysql_call *const inner = &frames[1];

static const char *sampler; /* OTEL_TRACES_SAMPLER; NULL: unset */

static const char *variable(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "OTEL_TRACES_SAMPLER") == 0 ? sampler : NULL;
}

static int open_gate(void **state)
{
    (void)state;
    return spans_open(variable);
}

static void connect_to(void *mysql, struct mysql_target target)
{
    observe_mysql_made(mysql);
    observe_mysql_target(outer, &library, mysql, MYSQL_OPERATION_CONNECT, target);
    observe_mysql_end(outer, false);
}

static int start_connected(void **state)
{
    (void)state;
    memset(&library_says, 0, sizeof library_says);
    library_says.version = "10.11.6-MariaDB";
    library_says.has_info = true;
    connect_to(db, (struct mysql_target){.host = "db", .user = "u", .schema = "s"});
    connect_to(other, (struct mysql_target){.host = "db"});
    spans_forget();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    observe_mysql_stmt_closing(prepared);
    observe_mysql_closing(&library, db);
    observe_mysql_closing(&library, other);
    assert_int_equal(passing_calls.open, 0);
    return 0;
}

static void begin(struct mysql_call *call, void *mysql, const char *text)
{
    observe_mysql_query(call, &library, mysql, MYSQL_OPERATION_QUERY, text, MYSQL_TERMINATED);
}

static void query(void *mysql, const char *text)
{
    begin(outer, mysql, text);
    observe_mysql_end(outer, library_says.number != 0);
}

static void fail_with(unsigned number, const char *state, const char *text)
{
    library_says.number = number;
    library_says.state = state;
    library_says.text = text;
}

static void a_query_makes_a_span(void **state)
{
    (void)state;
    library_says.columns = 1;
    library_says.rows = UINT64_MAX;
    errno = 42;
    query(db, "SELECT name FROM people WHERE name = 'hunter two'");
    assert_int_equal(errno, 42);
    const struct span_record *span = spans_next();
    assert_non_null(span);
    assert_int_equal(span->kind, SPAN_KIND_CLIENT);
    assert_int_equal(span->scope, SPAN_SCOPE_MYSQL);
    assert_int_equal(span->status, SPAN_STATUS_UNSET);
    assert_slice(span_find_name(span), "SELECT people");
    assert_slice(span_find_string(span, ATTRIBUTE_DB_QUERY_TEXT),
                 "SELECT name FROM people WHERE name = ?");
    assert_slice(span_find_string(span, ATTRIBUTE_DB_SYSTEM_NAME), "mariadb");
    assert_slice(span_find_string(span, ATTRIBUTE_DB_NAMESPACE), "shop");
    assert_slice(span_find_string(span, ATTRIBUTE_DB_USER), "reader");
    assert_slice(span_find_string(span, ATTRIBUTE_PEER_SERVER_ADDRESS), "db.example");
    assert_int_equal(spans_integer(span, ATTRIBUTE_PEER_SERVER_PORT), 3307);
    assert_slice(span_find_string(span, ATTRIBUTE_DB_CONNECTION_STRING),
                 "mysql://db.example:3307/shop");
    assert_int_equal(spans_integer(span, ATTRIBUTE_DB_ROWS_AFFECTED), -1);
    assert_false(spans_hold(span, "hunter"));
    assert_null(spans_next());
}

static void writes_say_how_many_rows(void **state)
{
    (void)state;
    library_says.rows = 3;
    query(db, "DELETE FROM people");
    assert_int_equal(spans_integer(spans_next(), ATTRIBUTE_DB_ROWS_AFFECTED), 3);
    query(db, "BEGIN");
    assert_int_equal(spans_integer(spans_next(), ATTRIBUTE_DB_ROWS_AFFECTED), -1);
}

static void a_call_within_a_call_gives_one_span(void **state)
{
    (void)state;
    begin(outer, db, "COMMIT");
    begin(inner, db, "SELECT inner_one FROM x");
    observe_mysql_end(inner, false);
    observe_mysql_end(outer, false);
    assert_slice(span_find_name(spans_next()), "COMMIT");
    assert_null(spans_next());
}

static void another_handle_within_a_call_has_its_own(void **state)
{
    (void)state;
    begin(outer, db, "SELECT a FROM a");
    begin(inner, other, "SELECT b FROM b");
    observe_mysql_end(inner, false);
    observe_mysql_end(outer, false);
    assert_slice(span_find_name(spans_next()), "SELECT b");
    assert_slice(span_find_name(spans_next()), "SELECT a");
}

static void a_call_that_was_jumped_out_of_does_not_blind_the_handle(void **state)
{
    (void)state;
    begin(inner, db, "SELECT never FROM ended");
    uint64_t lost = counters_get(&counters.dropped_abandoned);
    begin(outer, db, "SELECT back FROM above"); /* higher up the stack */
    assert_int_equal(counters_get(&counters.dropped_abandoned), lost + 1);
    observe_mysql_end(outer, false);
    assert_slice(span_find_name(spans_next()), "SELECT above");
    observe_mysql_end(inner, false); /* and nothing comes of a late end */
    assert_null(spans_next());
}

static void a_coroutine_elsewhere_does_not_blind_the_handle(void **state)
{
    (void)state;
    static char stack[1 << 20];
    struct mysql_call *far = (struct mysql_call *)(stack + sizeof stack - 4096);
    struct mysql_call *near = (struct mysql_call *)stack;
    begin(far, db, "SELECT waits FROM coroutine");
    begin(near, db, "SELECT more FROM than_64k_below");
    observe_mysql_end(near, false);
    assert_slice(span_find_name(spans_next()), "SELECT than_64k_below");
}

static void a_failure_is_told_without_its_literals(void **state)
{
    (void)state;
    fail_with(1062, "23000", "Duplicate entry 'hunter two' for key 'name'");
    errno = 42;
    query(db, "INSERT INTO people VALUES ('hunter two')");
    assert_int_equal(errno, 42);
    const struct span_record *span = spans_next();
    assert_int_equal(span->status, SPAN_STATUS_ERROR);
    assert_slice(span_find_string(span, ATTRIBUTE_DB_RESPONSE_STATUS_CODE), "1062");
    assert_slice(span_find_string(span, ATTRIBUTE_ERROR_TYPE), "23000");
    assert_slice(span_find_string(span, ATTRIBUTE_ERROR_MESSAGE), "Duplicate entry ?");
    assert_slice(span_find_string(span, ATTRIBUTE_EXCEPTION_TYPE), "23000");
    assert_int_equal(spans_events(span, EVENT_EXCEPTION), 1);
    assert_false(spans_hold(span, "hunter"));
}

static void a_retry_counts_and_names_the_earlier_error(void **state)
{
    (void)state;
    static const char text[] = "UPDATE people SET n = 1";
    fail_with(1213, "40001", "Deadlock found");
    query(db, text);
    assert_int_equal(spans_integer(spans_next(), ATTRIBUTE_DB_ATTEMPT), -1);
    query(db, text);
    const struct span_record *span = spans_next();
    assert_int_equal(spans_integer(span, ATTRIBUTE_DB_ATTEMPT), 2);
    assert_int_equal(spans_events(span, EVENT_DB_RETRY), 1);
    fail_with(0, NULL, NULL);
    query(db, "UPDATE people SET n = 2"); /* another one */
    assert_int_equal(spans_integer(spans_next(), ATTRIBUTE_DB_ATTEMPT), -1);
    query(db, text);
    assert_int_equal(spans_integer(spans_next(), ATTRIBUTE_DB_ATTEMPT), 3);
    query(db, text); /* it has succeeded before this */
    assert_int_equal(spans_integer(spans_next(), ATTRIBUTE_DB_ATTEMPT), -1);
}

static void a_retry_for_another_request_is_none(void **state)
{
    (void)state;
    struct exchange *one = start_working("");
    fail_with(2013, "HY000", "Lost connection");
    query(db, "SELECT again FROM t");
    assert_non_null(spans_next());
    struct exchange *other_one = start_working("");
    query(db, "SELECT again FROM t");
    assert_int_equal(spans_integer(spans_next(), ATTRIBUTE_DB_ATTEMPT), -1);
    stop_working(other_one);
    stop_working(one);
}

static void a_failure_not_worth_a_retry_is_not_counted(void **state)
{
    (void)state;
    fail_with(1062, "23000", "Duplicate entry 'x' for key 'y'");
    query(db, "INSERT INTO t VALUES (1)");
    query(db, "INSERT INTO t VALUES (1)");
    spans_next();
    assert_int_equal(spans_integer(spans_next(), ATTRIBUTE_DB_ATTEMPT), -1);
}

static void a_sent_query_ends_with_its_result(void **state)
{
    (void)state;
    char text[] = "SELECT sent FROM afar WHERE x = 'hunter two'";
    observe_mysql_query(outer, &library, db, MYSQL_OPERATION_SEND, text, sizeof text - 1);
    begin(inner, db, text); /* the library's own way of sending */
    observe_mysql_end(inner, false);
    observe_mysql_end(outer, false);
    assert_null(spans_next());
    memset(text, 'x', sizeof text); /* the application's memory again */
    observe_mysql_query(outer, &library, db, MYSQL_OPERATION_READ_RESULT, NULL, 0);
    observe_mysql_end(outer, false);
    const struct span_record *span = spans_next();
    assert_slice(span_find_name(span), "SELECT afar");
    assert_slice(span_find_string(span, ATTRIBUTE_DB_QUERY_TEXT),
                 "SELECT sent FROM afar WHERE x = ?");
    assert_null(spans_next());
}

static void a_sent_query_that_nobody_asks_about_ends_with_the_handle(void **state)
{
    (void)state;
    observe_mysql_query(outer, &library, db, MYSQL_OPERATION_SEND, "SELECT 1 FROM lost", 18);
    observe_mysql_end(outer, false);
    observe_mysql_closing(&library, db);
    assert_slice(span_find_name(spans_next()), "SELECT lost");
    assert_null(spans_next());
}

static void a_prepared_statement_is_told_as_prepared(void **state)
{
    (void)state;
    char text[] = "INSERT INTO people VALUES (?, 'hunter two')";
    observe_mysql_stmt_made(db, prepared);
    observe_mysql_stmt(outer, &library, prepared, MYSQL_OPERATION_PREPARE, text, sizeof text - 1);
    observe_mysql_end(outer, false);
    assert_null(spans_next());
    memset(text, 'x', sizeof text);
    library_says.rows = 1;
    for (int i = 0; i < 2; i++) {
        observe_mysql_stmt(outer, &library, prepared, MYSQL_OPERATION_EXECUTE, NULL, 0);
        observe_mysql_end(outer, false);
        const struct span_record *span = spans_next();
        assert_slice(span_find_name(span), "INSERT people");
        assert_slice(span_find_string(span, ATTRIBUTE_DB_QUERY_TEXT),
                     "INSERT INTO people VALUES (?, ?)");
        assert_int_equal(spans_integer(span, ATTRIBUTE_DB_ROWS_AFFECTED), 1);
        assert_slice(span_find_string(span, ATTRIBUTE_DB_NAMESPACE), "shop");
    }
}

static void a_statement_that_can_not_be_prepared_fails_visibly(void **state)
{
    (void)state;
    observe_mysql_stmt_made(db, prepared);
    fail_with(1064, "42000", "error near 'hunter two' at line 1");
    observe_mysql_stmt(outer, &library, prepared, MYSQL_OPERATION_PREPARE, "SELECT x FRM y", 14);
    observe_mysql_end(outer, true);
    const struct span_record *span = spans_next();
    assert_int_equal(span->status, SPAN_STATUS_ERROR);
    assert_false(spans_hold(span, "hunter"));
}

static void a_statement_is_not_its_successors_at_the_same_address(void **state)
{
    (void)state;
    observe_mysql_stmt_made(db, prepared);
    observe_mysql_stmt(outer, &library, prepared, MYSQL_OPERATION_PREPARE, "SELECT 1 FROM old", 17);
    observe_mysql_end(outer, false);
    connect_to(db, (struct mysql_target){.host = "elsewhere"});
    spans_forget();
    observe_mysql_stmt(outer, &library, prepared, MYSQL_OPERATION_EXECUTE, NULL, 0);
    observe_mysql_end(outer, false);
    assert_null(spans_next());
}

static void the_schema_follows_the_connection(void **state)
{
    (void)state;
    query(db, "USE `ware house`");
    assert_slice(span_find_string(spans_next(), ATTRIBUTE_DB_NAMESPACE), "ware house");
    observe_mysql_target(outer, &library, db, MYSQL_OPERATION_SELECT_DB,
                         (struct mysql_target){.schema = "third"});
    observe_mysql_end(outer, false);
    assert_slice(span_find_name(spans_next()), "USE");
    observe_mysql_target(outer, &library, db, MYSQL_OPERATION_SELECT_DB,
                         (struct mysql_target){.schema = "refused"});
    fail_with(1049, "42000", "Unknown database 'refused'");
    observe_mysql_end(outer, true);
    spans_next();
    fail_with(0, NULL, NULL);
    query(db, "SELECT 1");
    assert_slice(span_find_string(spans_next(), ATTRIBUTE_DB_NAMESPACE), "third");
    query(other, "SELECT 1");
    assert_slice(span_find_string(spans_next(), ATTRIBUTE_DB_NAMESPACE), "shop");
}

static void the_schema_follows_without_spans_too(void **state)
{
    (void)state;
    struct exchange *unsampled =
        start_working("traceparent: 00-abababababababababababababababab-1212121212121212-00\r\n");
    query(db, "select 1; use fourth");
    assert_null(spans_next());
    stop_working(unsampled);
    query(db, "SELECT 1");
    assert_slice(span_find_string(spans_next(), ATTRIBUTE_DB_NAMESPACE), "fourth");
}

static void a_batch_counts_its_statements(void **state)
{
    (void)state;
    query(db, "SELECT 1 FROM a; SELECT 2 FROM b");
    const struct span_record *span = spans_next();
    assert_int_equal(spans_integer(span, ATTRIBUTE_DB_OPERATION_BATCH_SIZE), 2);
    assert_slice(span_find_string(span, ATTRIBUTE_DB_COLLECTION_NAME), NULL);
    observe_mysql_query(outer, &library, db, MYSQL_OPERATION_LATER, NULL, 0);
    observe_mysql_end(outer, false);
    assert_null(spans_next());
    fail_with(1146, "42S02", "Table 's.b' doesn't exist");
    observe_mysql_query(outer, &library, db, MYSQL_OPERATION_LATER, NULL, 0);
    observe_mysql_end(outer, true);
    span = spans_next();
    assert_slice(span_find_name(span), "SELECT a SELECT b");
    assert_int_equal(span->status, SPAN_STATUS_ERROR);
}

static void a_unix_socket_is_an_address(void **state)
{
    (void)state;
    library_says.socket = "/run/mysqld/mysqld.sock";
    connect_to(db, (struct mysql_target){.host = "localhost"});
    const struct span_record *span = spans_next();
    assert_slice(span_find_name(span), "CONNECT");
    assert_slice(span_find_string(span, ATTRIBUTE_PEER_SERVER_ADDRESS), "/run/mysqld/mysqld.sock");
    assert_slice(span_find_string(span, ATTRIBUTE_NETWORK_TRANSPORT), "unix");
    assert_int_equal(spans_integer(span, ATTRIBUTE_PEER_SERVER_PORT), -1);
    assert_slice(span_find_string(span, ATTRIBUTE_DB_CONNECTION_STRING), "mysql://localhost/shop");
}

static void without_info_the_arguments_count(void **state)
{
    (void)state;
    library_says.has_info = false;
    library_says.version = "8.0.36";
    connect_to(db, (struct mysql_target){.host = "::1", .user = "u", .schema = "s", .port = 4000});
    const struct span_record *span = spans_next();
    assert_slice(span_find_string(span, ATTRIBUTE_DB_SYSTEM_NAME), "mysql");
    assert_slice(span_find_string(span, ATTRIBUTE_DB_CONNECTION_STRING), "mysql://[::1]:4000/s");
    assert_slice(span_find_string(span, ATTRIBUTE_DB_USER), "u");
}

static void a_text_with_a_nul_is_read_to_its_end(void **state)
{
    (void)state;
    static const char text[] = "SELECT '\0' FROM behind";
    observe_mysql_query(outer, &library, db, MYSQL_OPERATION_QUERY, text, sizeof text - 1);
    observe_mysql_end(outer, false);
    assert_slice(span_find_name(spans_next()), "SELECT behind");
}

static void a_handle_closed_within_a_call_is_let_go(void **state)
{
    (void)state;
    begin(outer, db, "SELECT 1 FROM t");
    observe_mysql_closing(&library, db);
    assert_slice(span_find_name(spans_next()), "SELECT t"); /* it will never return */
    observe_mysql_made(db);
    observe_mysql_end(outer, false);
    assert_null(spans_next());
}

static void expect_statement(const char *name, const char *text)
{
    const struct span_record *span = spans_next();
    assert_non_null(span);
    assert_slice(span_find_name(span), name);
    assert_slice(span_find_string(span, ATTRIBUTE_DB_QUERY_TEXT), text);
}

static void statements_in_turns_are_told_apart(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        char text[64];
        for (int i = 0; i < 9; i++) {
            snprintf(text, sizeof text, "SELECT a FROM t%c WHERE b = %d", 'a' + i, round);
            query(db, text);
            snprintf(text, sizeof text, "SELECT a FROM t%c WHERE b = 'it%d'", 'a' + i / 2, round);
            query(db, text);
            query(db, "COMMIT");
            char wanted[64], name[64];
            snprintf(name, sizeof name, "SELECT t%c", 'a' + i);
            snprintf(wanted, sizeof wanted, "SELECT a FROM t%c WHERE b = ?", 'a' + i);
            expect_statement(name, wanted);
            snprintf(name, sizeof name, "SELECT t%c", 'a' + i / 2);
            snprintf(wanted, sizeof wanted, "SELECT a FROM t%c WHERE b = ?", 'a' + i / 2);
            expect_statement(name, wanted);
            expect_statement("COMMIT", "COMMIT");
        }
    }
}

/* What is no longer there after the pass has to be told at once. */
static void what_is_not_plain_keeps_its_summary(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        query(db, "INSERT INTO a VALUES (1), ((SELECT b FROM c))");
        expect_statement("INSERT a SELECT c", "INSERT INTO a VALUES (?)");
        query(db, "INSERT INTO a VALUES (1)");
        expect_statement("INSERT a", "INSERT INTO a VALUES (?)");
        query(db, "INSERT /*! now */ INTO a VALUES (?)");
        expect_statement("INSERT a", "INSERT ? INTO a VALUES (?)");
    }
}

static void a_secret_without_quotes_is_hidden_before_it_is_kept(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        query(db, "SELECT a FROM t WHERE b = ghp_0123456789abcdefghijABCDEFGHIJ");
        const struct span_record *span = spans_next();
        assert_non_null(span);
        assert_true(span->masked);
        assert_false(spans_hold(span, "0123456789abcdefghij"));
        assert_slice(span_find_string(span, ATTRIBUTE_DB_QUERY_TEXT),
                     "SELECT a FROM t WHERE b = REDACTED");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_connected, close_all)

int main(void)
{
    sampler = "parentbased_always_on";
    const struct CMUnitTest tests[] = {
        TEST(a_query_makes_a_span),
        TEST(writes_say_how_many_rows),
        TEST(a_call_within_a_call_gives_one_span),
        TEST(another_handle_within_a_call_has_its_own),
        TEST(a_call_that_was_jumped_out_of_does_not_blind_the_handle),
        TEST(a_coroutine_elsewhere_does_not_blind_the_handle),
        TEST(a_failure_is_told_without_its_literals),
        TEST(a_retry_counts_and_names_the_earlier_error),
        TEST(a_retry_for_another_request_is_none),
        TEST(a_failure_not_worth_a_retry_is_not_counted),
        TEST(a_sent_query_ends_with_its_result),
        TEST(a_sent_query_that_nobody_asks_about_ends_with_the_handle),
        TEST(a_prepared_statement_is_told_as_prepared),
        TEST(a_statement_that_can_not_be_prepared_fails_visibly),
        TEST(a_statement_is_not_its_successors_at_the_same_address),
        TEST(the_schema_follows_the_connection),
        TEST(the_schema_follows_without_spans_too),
        TEST(a_batch_counts_its_statements),
        TEST(a_unix_socket_is_an_address),
        TEST(without_info_the_arguments_count),
        TEST(a_text_with_a_nul_is_read_to_its_end),
        TEST(a_handle_closed_within_a_call_is_let_go),
        TEST(statements_in_turns_are_told_apart),
        TEST(what_is_not_plain_keeps_its_summary),
        TEST(a_secret_without_quotes_is_hidden_before_it_is_kept),
    };
    return cmocka_run_group_tests(tests, open_gate, NULL);
}
