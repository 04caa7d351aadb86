// SPDX-License-Identifier: Apache-2.0
/* mysql.c - calls of libmariadb and libmysqlclient: begin, real, end.
 *
 * Without their headers, because the agent is built where they are not installed; a test compares
 * the prototypes. The functions have no symbol versions here, so every version's callers come. */
#include "hooks/mysql.h"

// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define ASK(type, name, parameters, arguments, missing)                                            \
    FIND(type, name, parameters, missing, SCOPE_OWN_FIRST)
#define HOOK(type, name, parameters, arguments, missing) ORIGINAL(type, name, parameters, missing)
// NOLINTEND(bugprone-macro-parentheses)
#include "hooks/mysql.def"
#undef HOOK
#undef ASK

/* Variadic, so its own type; libmysqlclient has none. */
static char info(void *mysql, int value, void *answer)
{
    static const struct scope_wish wish = {"mariadb_get_infov", NULL, MYSQL_LIBRARIES,
                                           SCOPE_OWN_ONLY};
    static struct original known;
    char (*function)(MYSQL *, int, void *, ...) =
        (char (*)(MYSQL *, int, void *, ...))original_get(&known, &wish, tl_called);
    return (char)(function ? function(mysql, value, answer) : 1);
}

/* The agent knows handles as addresses only. */
#define ASKED(type, field, name)                                                                   \
    static type field(void *handle)                                                                \
    {                                                                                              \
        return original_##name(tl_called)(handle);                                                 \
    }
ASKED(unsigned, error_number, mysql_errno)
ASKED(const char *, error_text, mysql_error)
ASKED(const char *, sqlstate, mysql_sqlstate)
ASKED(unsigned, columns, mysql_field_count)
ASKED(uint64_t, affected_rows, mysql_affected_rows)
ASKED(const char *, server_version, mysql_get_server_info)
ASKED(const char *, host_info, mysql_get_host_info)
ASKED(unsigned, stmt_error_number, mysql_stmt_errno)
ASKED(const char *, stmt_error_text, mysql_stmt_error)
ASKED(const char *, stmt_sqlstate, mysql_stmt_sqlstate)
ASKED(unsigned, stmt_columns, mysql_stmt_field_count)
ASKED(uint64_t, stmt_affected_rows, mysql_stmt_affected_rows)

const struct mysql_library mysql_functions = {
    .error_number = error_number,
    .error_text = error_text,
    .sqlstate = sqlstate,
    .columns = columns,
    .affected_rows = affected_rows,
    .server_version = server_version,
    .host_info = host_info,
    .info = info,
    .stmt_error_number = stmt_error_number,
    .stmt_error_text = stmt_error_text,
    .stmt_sqlstate = stmt_sqlstate,
    .stmt_columns = stmt_columns,
    .stmt_affected_rows = stmt_affected_rows,
};

MYSQL *mysql_init(MYSQL *mysql)
{
    type_mysql_init *original = begin_mysql_init(CALLER);
    MYSQL *made = original(mysql);
    observe_mysql_made(made);
    return made;
}

void mysql_close(MYSQL *mysql)
{
    type_mysql_close *original = begin_mysql_close(CALLER);
    observe_mysql_closing(&mysql_functions, mysql);
    original(mysql);
}

MYSQL *mysql_real_connect(MYSQL *mysql, const char *host, const char *user, const char *password,
                          const char *schema, unsigned port, const char *socket,
                          unsigned long flags)
{
    struct mysql_call call;
    type_mysql_real_connect *original = begin_mysql_real_connect(CALLER);
    struct mysql_target target = {host, user, schema, socket, port};
    observe_mysql_target(&call, &mysql_functions, mysql, MYSQL_OPERATION_CONNECT, target);
    MYSQL *result = original(mysql, host, user, password, schema, port, socket, flags);
    mysql_end(&call, (void *)original, result == NULL);
    return result;
}

char mysql_change_user(MYSQL *mysql, const char *user, const char *password, const char *schema)
{
    struct mysql_call call;
    type_mysql_change_user *original = begin_mysql_change_user(CALLER);
    struct mysql_target target = {.user = user, .schema = schema};
    observe_mysql_target(&call, &mysql_functions, mysql, MYSQL_OPERATION_CHANGE_USER, target);
    char result = original(mysql, user, password, schema);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

int mysql_select_db(MYSQL *mysql, const char *schema)
{
    struct mysql_call call;
    type_mysql_select_db *original = begin_mysql_select_db(CALLER);
    struct mysql_target target = {.schema = schema};
    observe_mysql_target(&call, &mysql_functions, mysql, MYSQL_OPERATION_SELECT_DB, target);
    int result = original(mysql, schema);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

int mysql_query(MYSQL *mysql, const char *text)
{
    struct mysql_call call;
    type_mysql_query *original = begin_mysql_query(CALLER);
    observe_mysql_query(&call, &mysql_functions, mysql, MYSQL_OPERATION_QUERY, text,
                        MYSQL_TERMINATED);
    int result = original(mysql, text);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

int mysql_real_query(MYSQL *mysql, const char *text, unsigned long length)
{
    struct mysql_call call;
    type_mysql_real_query *original = begin_mysql_real_query(CALLER);
    observe_mysql_query(&call, &mysql_functions, mysql, MYSQL_OPERATION_QUERY, text, length);
    int result = original(mysql, text, length);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

int mysql_send_query(MYSQL *mysql, const char *text, unsigned long length)
{
    struct mysql_call call;
    type_mysql_send_query *original = begin_mysql_send_query(CALLER);
    observe_mysql_query(&call, &mysql_functions, mysql, MYSQL_OPERATION_SEND, text, length);
    int result = original(mysql, text, length);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

char mysql_read_query_result(MYSQL *mysql)
{
    struct mysql_call call;
    type_mysql_read_query_result *original = begin_mysql_read_query_result(CALLER);
    observe_mysql_query(&call, &mysql_functions, mysql, MYSQL_OPERATION_READ_RESULT, NULL, 0);
    char result = original(mysql);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

/* -1: there was no further result. */
int mysql_next_result(MYSQL *mysql)
{
    struct mysql_call call;
    type_mysql_next_result *original = begin_mysql_next_result(CALLER);
    observe_mysql_query(&call, &mysql_functions, mysql, MYSQL_OPERATION_LATER, NULL, 0);
    int result = original(mysql);
    mysql_end(&call, (void *)original, result > 0);
    return result;
}

/* A failed statement leaves its error behind: asking for its result fails with the same once more.
 */
MYSQL_RES *mysql_store_result(MYSQL *mysql)
{
    struct mysql_call call;
    type_mysql_store_result *original = begin_mysql_store_result(CALLER);
    unsigned before = error_number(mysql);
    observe_mysql_query(&call, &mysql_functions, mysql, MYSQL_OPERATION_LATER, NULL, 0);
    MYSQL_RES *result = original(mysql);
    original_called((void *)original);
    observe_mysql_end(&call, !result && !before && error_number(mysql) != 0);
    return result;
}

char mysql_commit(MYSQL *mysql)
{
    struct mysql_call call;
    type_mysql_commit *original = begin_mysql_commit(CALLER);
    observe_mysql_query(&call, &mysql_functions, mysql, MYSQL_OPERATION_QUERY, "COMMIT",
                        MYSQL_TERMINATED);
    char result = original(mysql);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

char mysql_rollback(MYSQL *mysql)
{
    struct mysql_call call;
    type_mysql_rollback *original = begin_mysql_rollback(CALLER);
    observe_mysql_query(&call, &mysql_functions, mysql, MYSQL_OPERATION_QUERY, "ROLLBACK",
                        MYSQL_TERMINATED);
    char result = original(mysql);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

char mysql_autocommit(MYSQL *mysql, char mode)
{
    struct mysql_call call;
    type_mysql_autocommit *original = begin_mysql_autocommit(CALLER);
    observe_mysql_query(&call, &mysql_functions, mysql, MYSQL_OPERATION_QUERY, "SET autocommit = 1",
                        MYSQL_TERMINATED);
    char result = original(mysql, mode);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

MYSQL_STMT *mysql_stmt_init(MYSQL *mysql)
{
    type_mysql_stmt_init *original = begin_mysql_stmt_init(CALLER);
    MYSQL_STMT *made = original(mysql);
    observe_mysql_stmt_made(mysql, made);
    return made;
}

int mysql_stmt_prepare(MYSQL_STMT *stmt, const char *text, unsigned long length)
{
    struct mysql_call call;
    type_mysql_stmt_prepare *original = begin_mysql_stmt_prepare(CALLER);
    observe_mysql_stmt(&call, &mysql_functions, stmt, MYSQL_OPERATION_PREPARE, text, length);
    int result = original(stmt, text, length);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

int mysql_stmt_execute(MYSQL_STMT *stmt)
{
    struct mysql_call call;
    type_mysql_stmt_execute *original = begin_mysql_stmt_execute(CALLER);
    observe_mysql_stmt(&call, &mysql_functions, stmt, MYSQL_OPERATION_EXECUTE, NULL, 0);
    int result = original(stmt);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

int mariadb_stmt_execute_direct(MYSQL_STMT *stmt, const char *text, size_t length)
{
    struct mysql_call call;
    type_mariadb_stmt_execute_direct *original = begin_mariadb_stmt_execute_direct(CALLER);
    observe_mysql_stmt(&call, &mysql_functions, stmt, MYSQL_OPERATION_EXECUTE, text, length);
    int result = original(stmt, text, length);
    mysql_end(&call, (void *)original, result != 0);
    return result;
}

#define LATER(type, name, parameters, arguments, failed)                                           \
    type name parameters                                                                           \
    {                                                                                              \
        struct mysql_call call;                                                                    \
        type_##name *original = begin_##name(CALLER);                                              \
        observe_mysql_stmt(&call, &mysql_functions, stmt, MYSQL_OPERATION_LATER, NULL, 0);         \
        type result = original arguments;                                                          \
        mysql_end(&call, (void *)original, failed);                                                \
        return result;                                                                             \
    }
LATER(int, mysql_stmt_next_result, (MYSQL_STMT * stmt), (stmt), result > 0)
LATER(int, mysql_stmt_store_result, (MYSQL_STMT * stmt), (stmt), result != 0)
LATER(int, mysql_stmt_fetch, (MYSQL_STMT * stmt), (stmt), result == 1)
LATER(char, mysql_stmt_reset, (MYSQL_STMT * stmt), (stmt), result != 0)
LATER(char, mysql_stmt_free_result, (MYSQL_STMT * stmt), (stmt), result != 0)
LATER(char, mysql_stmt_send_long_data,
      (MYSQL_STMT * stmt, unsigned parameter, const char *data, unsigned long length),
      (stmt, parameter, data, length), result != 0)

/* The call, because the library may reconnect to tell a server that is gone. */
char mysql_stmt_close(MYSQL_STMT *stmt)
{
    struct mysql_call call;
    type_mysql_stmt_close *original = begin_mysql_stmt_close(CALLER);
    observe_mysql_stmt(&call, &mysql_functions, stmt, MYSQL_OPERATION_LATER, NULL, 0);
    observe_mysql_stmt_closing(stmt);
    char result = original(stmt);
    mysql_end(&call, (void *)original, false);
    return result;
}

/* Whom the call works for is the caller's to say, whose stack is not the one that it runs on. */
// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define HOOK(type, name, parameters, arguments, missing)                                           \
    ORIGINAL(type, name, parameters, missing)                                                      \
    type name parameters                                                                           \
    {                                                                                              \
        type_##name *original = begin_##name(CALLER);                                              \
        bool before = observe_stack_lent();                                                        \
        type result = original arguments;                                                          \
        observe_stack_returned(before);                                                            \
        return result;                                                                             \
    }
// NOLINTEND(bugprone-macro-parentheses)
#include "hooks/mysql_start.def"
#undef HOOK
