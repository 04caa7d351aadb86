// SPDX-License-Identifier: Apache-2.0
#include "work.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t idle_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct backend *idle; /* idle_mutex */
static bool nonblocking;     /* set at the start */

/* --- start and end --- */

static void leave(int number)
{
    (void)number;
    _exit(0);
}

void work_start(void)
{
    signal(SIGTERM, leave);
    signal(SIGPIPE, SIG_IGN);
    if (mysql_library_init(0, NULL, NULL) != 0 || curl_global_init(CURL_GLOBAL_ALL) != 0)
        exit(1);
}

bool mode_is(const char *name)
{
    const char *mode = getenv("MODE");
    return mode && strcmp(mode, name) == 0;
}

/* --- backends --- */

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

static size_t discard(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

static struct backend *backend_make(void)
{
    struct backend *made = calloc(1, sizeof *made);

    made->sql = mysql_init(NULL);
    made->curl = curl_easy_init();
    if (nonblocking)
        mysql_options(made->sql, MYSQL_OPT_NONBLOCK, NULL);
    if (!mysql_real_connect(made->sql, setting("DB_HOST"), setting("DB_USER"),
                            setting("DB_PASSWORD"), setting("DB_NAME"),
                            (unsigned)atoi(setting("DB_PORT")), NULL, 0)) {
        fprintf(stderr, "database: %s\n", mysql_error(made->sql));
        mysql_close(made->sql);
        curl_easy_cleanup(made->curl);
        free(made);
        return NULL;
    }
    curl_easy_setopt(made->curl, CURLOPT_WRITEFUNCTION, discard);
    /* Without it libcurl uses a signal to bound the resolution of names: not in threads. */
    curl_easy_setopt(made->curl, CURLOPT_NOSIGNAL, 1L);
    return made;
}

void backends_are_nonblocking(void)
{
    nonblocking = true;
}

struct backend *backend_take(void)
{
    pthread_mutex_lock(&idle_mutex);
    struct backend *taken = idle;
    if (taken)
        idle = taken->next;
    pthread_mutex_unlock(&idle_mutex);
    return taken ? taken : backend_make();
}

void backend_give(struct backend *backend)
{
    pthread_mutex_lock(&idle_mutex);
    backend->next = idle;
    idle = backend;
    pthread_mutex_unlock(&idle_mutex);
}

/* --- calls --- */

char *work_statement(char text[TARGET_BYTES], int which, unsigned long id)
{
    snprintf(text, TARGET_BYTES, "SELECT %d AS r%lu", which, id);
    return text;
}

char *work_url(char text[URL_BYTES], unsigned long id)
{
    snprintf(text, URL_BYTES, "%s/up/%lu", setting("UPSTREAM"), id);
    return text;
}

static bool query(MYSQL *sql, const char *statement)
{
    MYSQL_RES *result = mysql_query(sql, statement) == 0 ? mysql_store_result(sql) : NULL;

    if (!result) {
        fprintf(stderr, "%s: %s\n", statement, mysql_error(sql));
        return false;
    }
    bool one_row = mysql_num_rows(result) == 1;
    mysql_free_result(result);
    return one_row;
}

static bool fetch(CURL *curl, const char *url)
{
    long status = 0;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK)
        fprintf(stderr, "%s: %s\n", url, curl_easy_strerror(code));
    return code == CURLE_OK && status == 200;
}

bool work_sql(struct backend *backend, int which, unsigned long id)
{
    char text[TARGET_BYTES];
    return query(backend->sql, work_statement(text, which, id));
}

bool work_fetch(struct backend *backend, unsigned long id)
{
    char url[URL_BYTES];
    return fetch(backend->curl, work_url(url, id));
}

bool work(unsigned long id)
{
    struct backend *backend = backend_take();

    if (!backend)
        return false;
    bool worked = work_sql(backend, 1, id) && work_fetch(backend, id) && work_sql(backend, 2, id);
    backend_give(backend);
    return worked;
}

bool job(unsigned long number)
{
    struct backend *backend = backend_take();
    char statement[TARGET_BYTES];
    char url[URL_BYTES];

    if (!backend)
        return false;
    snprintf(statement, sizeof statement, "SELECT 1 AS j%lu", number);
    snprintf(url, sizeof url, "%s/up/job%lu", setting("UPSTREAM"), number);
    bool worked = query(backend->sql, statement) && fetch(backend->curl, url);
    backend_give(backend);
    return worked;
}
