// SPDX-License-Identifier: Apache-2.0
/* What a handler does for a request: SQL, a request to the upstream, SQL again, each with the
 * request's id in it, so that nobody has to ask the agent whose call it was.
 *
 * Connections to the database and to the upstream are kept in a pool of the process; a process that
 * forks must not have worked before. */
#pragma once
#include <curl/curl.h>
#include <mysql.h>
#include <stdbool.h>

struct backend {
    MYSQL *sql;
    CURL *curl;
    struct backend *next;
};

enum { TARGET_BYTES = 64, URL_BYTES = 256 };

/* Libraries' start, and SIGTERM ends the process; before any thread or fork. */
void work_start(void);

/* Backends made from now on can be asked without blocking. */
void backends_are_nonblocking(void);

/* A free backend of the pool, else a new one; never waits for another thread. NULL if it can't be
 * made. */
struct backend *backend_take(void);
void backend_give(struct backend *backend);

/* The three calls of a request, and those of a job that belongs to none. False if one failed. */
bool work(unsigned long id);
bool job(unsigned long number);

/* Its parts: `which` is 1 or 2. */
bool work_sql(struct backend *backend, int which, unsigned long id);
bool work_fetch(struct backend *backend, unsigned long id);

/* The text of the SQL statement; the upstream's URL of a request. Both return `text`. */
char *work_statement(char text[TARGET_BYTES], int which, unsigned long id);
char *work_url(char text[URL_BYTES], unsigned long id);

/* MODE is `name`. */
bool mode_is(const char *name);
