// SPDX-License-Identifier: Apache-2.0
/* Says each row of hooks/mysql.def, mysql_start.def and mysql_command.def again, beside the
 * library's own header: a prototype that differs does not compile. */
#include <mysql.h>

#define HOOK(type, name, parameters, arguments, missing) extern type name parameters;
#define ASK(type, name, parameters, arguments, missing)  extern type name parameters;
#include "hooks/mysql.def"
#include "hooks/mysql_start.def"
#undef HOOK
#define HOOK(type, name, parameters, arguments, missing, failed, word) extern type name parameters;
#include "hooks/mysql_command.def"
#undef HOOK
#undef ASK

_Static_assert(MARIADB_CONNECTION_HOST == 10, "mysql_handle.c");
_Static_assert(MARIADB_CONNECTION_PORT == 12, "mysql_handle.c");
_Static_assert(MARIADB_CONNECTION_SCHEMA == 15, "mysql_handle.c");
_Static_assert(MARIADB_CONNECTION_UNIX_SOCKET == 26, "mysql_handle.c");
_Static_assert(MARIADB_CONNECTION_USER == 27, "mysql_handle.c");
