// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>

#include "agent/libraries/mysql/mysql_error.h"
#include "tests/unit/spans.h"
#include "tests/unit/vectors.h"

static void check_message(const struct vectors_case *vector, void *context)
{
    (void)context;
    char number[16] = "";
    char out[MYSQL_MESSAGE_BYTES];
    if (vector->fields[0].at)
        memcpy(number, vector->fields[0].at, vector->fields[0].length);
    struct slice found =
        mysql_error_message((unsigned)strtoul(number, NULL, 10), vector->fields[1], out);
    if (!slice_equal(found, vector->fields[2]) || !found.at != !vector->fields[2].at)
        fail_msg("line %d: %.*s", vector->line, (int)found.length, found.at ? found.at : "-");
}

static void messages_lose_their_literals(void **state)
{
    (void)state;
    assert_in_range(vectors_each("mysql/messages.tsv", check_message, NULL), 20, 1000);
}

/* Whatever stands between the quotes, none of it comes through. */
static void no_quoted_secret_comes_through(void **state)
{
    (void)state;
    static const char alphabet[] = "' \"ab`=,";
    unsigned seed = 12345;
    for (int round = 0; round < 20000; round++) {
        char message[128] = "Duplicate entry '";
        size_t length = strlen(message);
        char noise[2][8];
        for (int part = 0; part < 2; part++)
            for (int i = 0; i < 8; i++)
                noise[part][i] = alphabet[(seed = seed * 1103515245 + 12345) >> 16 & 7];
        memcpy(message + length, noise[0], 8);
        memcpy(message + length + 8, "SECRET", 6);
        memcpy(message + length + 14, noise[1], 8);
        memcpy(message + length + 22, "' for key 'k'", 14);
        char out[MYSQL_MESSAGE_BYTES];
        struct slice found = mysql_error_message(1062, slice_of(message), out);
        assert_true(!found.at || !memmem(found.at, found.length, "SECRET", 6));
    }
}

static void client_errors_are_classes_and_others_states(void **state)
{
    (void)state;
    assert_slice(mysql_error_type(CR_SERVER_GONE_ERROR, "HY000"), "CR_SERVER_GONE_ERROR");
    assert_slice(mysql_error_type(CR_CONN_HOST_ERROR, "HY000"), "CR_CONN_HOST_ERROR");
    assert_slice(mysql_error_type(0, "00000"), "_OTHER");
    assert_slice(mysql_error_type(CR_SSL_CONNECTION_ERROR, NULL), "CR_SSL_CONNECTION_ERROR");
    assert_slice(mysql_error_type(ER_DUP_ENTRY, "23000"), "23000");
    assert_slice(mysql_error_type(ER_DUP_ENTRY, NULL), NULL);
    assert_slice(mysql_error_type(ER_DUP_ENTRY, ""), NULL);
}

static void the_table_agrees_with_the_library(void **state)
{
    (void)state;
    static const struct {
        unsigned number;
        unsigned expected;
    } rows[] = {
#define CLIENT_ERROR(number, name) {number, name},
#include "agent/libraries/mysql/mysql_errors.def"
#undef CLIENT_ERROR
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(rows[i].number, rows[i].expected);
}

static void what_is_worth_another_try(void **state)
{
    (void)state;
    assert_true(mysql_error_retryable(ER_LOCK_DEADLOCK));
    assert_true(mysql_error_retryable(ER_LOCK_WAIT_TIMEOUT));
    assert_true(mysql_error_retryable(CR_SERVER_GONE_ERROR));
    assert_true(mysql_error_retryable(CR_SERVER_LOST));
    assert_false(mysql_error_retryable(ER_DUP_ENTRY));
    assert_false(mysql_error_retryable(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_lose_their_literals),
        cmocka_unit_test(no_quoted_secret_comes_through),
        cmocka_unit_test(client_errors_are_classes_and_others_states),
        cmocka_unit_test(the_table_agrees_with_the_library),
        cmocka_unit_test(what_is_worth_another_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
