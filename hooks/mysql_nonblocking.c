// SPDX-License-Identifier: Apache-2.0
/* mysql_nonblocking.c - libmysqlclient's nonblocking calls. libmariadb's are in mysql_start.def. */
#include "hooks/mysql.h"

/* enum net_async_status of libmysqlclient's mysql.h. */
enum { NET_ASYNC_NOT_READY = 1, NET_ASYNC_ERROR = 2 };

static void begin_connect(struct mysql_call *call, MYSQL *mysql, const char *host, const char *user,
                          const char *schema, unsigned port, const char *socket)
{
    struct mysql_target target = {host, user, schema, socket, port};
    observe_mysql_target(call, &mysql_functions, mysql, MYSQL_OPERATION_CONNECT, target);
}

static void begin_query(struct mysql_call *call, MYSQL *mysql, enum mysql_operation operation,
                        const char *text, unsigned long length)
{
    observe_mysql_query(call, &mysql_functions, mysql, operation, text, length);
}

static void begin_command(struct mysql_call *call, MYSQL *mysql, const char *name)
{
    observe_mysql_command(call, &mysql_functions, mysql, name);
}

// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define HOOK(type, name, parameters, arguments, missing, begin, begin_arguments)                   \
    ORIGINAL(type, name, parameters, missing)                                                      \
    type name parameters                                                                           \
    {                                                                                              \
        struct mysql_call call;                                                                    \
        type_##name *original = begin_##name(CALLER);                                              \
        begin begin_arguments;                                                                     \
        type status = original arguments;                                                          \
        if (status == NET_ASYNC_NOT_READY)                                                         \
            observe_mysql_not_ready(&call);                                                        \
        else                                                                                       \
            mysql_end(&call, (void *)original, status == NET_ASYNC_ERROR);                         \
        return status;                                                                             \
    }
// NOLINTEND(bugprone-macro-parentheses)
#include "hooks/mysql_nonblocking.def"
#undef HOOK
