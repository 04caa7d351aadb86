// SPDX-License-Identifier: Apache-2.0
/* mysql_command.c - calls of libmariadb and libmysqlclient that are one command of the protocol. */
#include "hooks/mysql.h"

// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define HOOK(type, name, parameters, arguments, missing, failed, word)                             \
    ORIGINAL(type, name, parameters, missing)                                                      \
    type name parameters                                                                           \
    {                                                                                              \
        struct mysql_call call;                                                                    \
        type_##name *original = begin_##name(CALLER);                                              \
        observe_mysql_command(&call, &mysql_functions, mysql, word);                               \
        type result = original arguments;                                                          \
        mysql_end(&call, (void *)original, failed);                                                \
        return result;                                                                             \
    }
// NOLINTEND(bugprone-macro-parentheses)
#include "hooks/mysql_command.def"
#undef HOOK
