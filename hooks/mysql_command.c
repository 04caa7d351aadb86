// SPDX-License-Identifier: Apache-2.0
/* mysql_command.c - calls of libmariadb and libmysqlclient that are one command of the protocol. */
#include "hooks/mysql.h"

// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define HOOK(type, name, parameters, arguments, missing, failed, word)                             \
    ORIGINAL(type, name, parameters, arguments, missing)                                           \
    EXPORT type name parameters;                                                                   \
    type name parameters                                                                           \
    {                                                                                              \
        struct mysql_call call;                                                                    \
        observe_mysql_command(&call, &mysql_functions, mysql, word);                               \
        type result = original_##name arguments;                                                   \
        observe_mysql_end(&call, failed);                                                          \
        return result;                                                                             \
    }
// NOLINTEND(bugprone-macro-parentheses)
#include "hooks/mysql_command.def"
#undef HOOK
