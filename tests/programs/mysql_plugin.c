// SPDX-License-Identifier: Apache-2.0
/* Linked with libmariadb: fetch() asks the database at that port for something, with the password
 * in the environment. */
#include <mysql.h>
#include <stdlib.h>

int fetch(int port);

int fetch(int port)
{
    MYSQL *mysql = mysql_init(NULL);
    int failed = !mysql_real_connect(mysql, "127.0.0.1", "shop", getenv("PASSWORD"), "shop",
                                     (unsigned)port, NULL, 0) ||
                 mysql_query(mysql, "SELECT 1");
    mysql_free_result(failed ? NULL : mysql_store_result(mysql));
    mysql_close(mysql);
    return failed;
}
