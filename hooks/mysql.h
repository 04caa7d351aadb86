// SPDX-License-Identifier: Apache-2.0
/* mysql.h - what the hooks of libmariadb and libmysqlclient share. */
#ifndef HOOKS_MYSQL_H
#define HOOKS_MYSQL_H

#include <stdint.h>

#include "agent/observe/observe.h"
#include "agent/observe/observe_mysql.h"
#include "hooks/originals/original.h"
#include "hooks/originals/real.h"

typedef struct st_mysql MYSQL;           // NOLINT: the library's own names
typedef struct st_mysql_res MYSQL_RES;   // NOLINT
typedef struct st_mysql_stmt MYSQL_STMT; // NOLINT

#define MYSQL_LIBRARIES "libmariadb.so|libmysqlclient.so|libperconaserverclient.so"

#pragma GCC diagnostic ignored "-Wunused-parameter" /* of what stands in for the absent */

#define CALLER __builtin_return_address(0)

/* original_NAME(caller) is the function that our NAME stands in front of for that caller, or one
 * that fails. A hook begins with begin_NAME(), so that it is the one that was called last.
 * ORIGINAL is for the functions that have a hook, FIND for what is only asked. */
// NOLINTBEGIN(bugprone-macro-parentheses): types and lists
#define FIND(type, name, parameters, missing, kind)                                                \
    typedef type type_##name parameters;                                                           \
    static type absent_##name parameters                                                           \
    {                                                                                              \
        return missing;                                                                            \
    }                                                                                              \
    static type_##name *original_##name(const void *caller)                                        \
    {                                                                                              \
        static const struct scope_wish wish = {#name, NULL, MYSQL_LIBRARIES, kind};                \
        static struct original known;                                                              \
        type_##name *found = (type_##name *)original_get(&known, &wish, caller);                   \
        return __builtin_expect(!found, 0) ? absent_##name : found;                                \
    }
#define ORIGINAL(type, name, parameters, missing)                                                  \
    FIND(type, name, parameters, missing, SCOPE_OF_CALLER)                                         \
    static type_##name *begin_##name(const void *caller)                                           \
    {                                                                                              \
        type_##name *original = original_##name(caller);                                           \
        original_called((void *)original);                                                         \
        return original;                                                                           \
    }                                                                                              \
    EXPORT type name parameters;
// NOLINTEND(bugprone-macro-parentheses)

/* How the agent asks the library about a handle. */
extern const struct mysql_library mysql_functions;

/* The call may have come to functions of ours that called another library. */
static inline void mysql_end(struct mysql_call *call, void *original, bool failed)
{
    original_called(original);
    observe_mysql_end(call, failed);
}

#endif
