// SPDX-License-Identifier: Apache-2.0
/* mysql.h - what the hooks of libmariadb and libmysqlclient share. */
#ifndef HOOKS_MYSQL_H
#define HOOKS_MYSQL_H

#include <stdint.h>

#include "agent/observe.h"
#include "agent/observe_mysql.h"
#include "hooks/library.h"
#include "hooks/real.h"

typedef struct st_mysql MYSQL;           // NOLINT: the library's own names
typedef struct st_mysql_res MYSQL_RES;   // NOLINT
typedef struct st_mysql_stmt MYSQL_STMT; // NOLINT

#define MYSQL_LIBRARIES "libmariadb.so|libmysqlclient.so|libperconaserverclient.so"

/* original_NAME calls the function that our NAME stands in front of. */
// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define ORIGINAL(type, name, parameters, arguments, missing)                                       \
    static struct library_original known_##name = {.symbol = #name, .names = MYSQL_LIBRARIES};     \
    static type original_##name parameters                                                         \
    {                                                                                              \
        type(*function) parameters = (type(*) parameters)library_get(&known_##name);               \
        if (!function)                                                                             \
            return missing;                                                                        \
        return function arguments;                                                                 \
    }
// NOLINTEND(bugprone-macro-parentheses)

/* How the agent asks the library about a handle. */
extern const struct mysql_library mysql_functions;

#endif
