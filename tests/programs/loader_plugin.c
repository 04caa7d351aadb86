// SPDX-License-Identifier: Apache-2.0
/* Linked with libmariadb and libcurl: call() makes a call of each, of those that need nothing else
 * of the process. */
#include <curl/curl.h>
#include <mysql.h>

void call(void);

void call(void)
{
    mysql_close(NULL);
    curl_easy_cleanup(NULL);
    mysql_close(NULL);
}
