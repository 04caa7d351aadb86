// SPDX-License-Identifier: Apache-2.0
/* mysql_fake.h - a libmariadb that says what a test wants it to. */
#ifndef TESTS_MYSQL_FAKE_H
#define TESTS_MYSQL_FAKE_H

#include <errno.h>

#include "agent/observe/observe_mysql.h"

/* What the library would say. Handles are addresses; nobody looks behind them. */
static struct {
    unsigned number;
    const char *text;
    const char *state;
    unsigned columns;
    uint64_t rows;
    const char *version;
    const char *socket;
    bool has_info;
} library_says;

static unsigned error_number(void *handle)
{
    (void)handle;
    errno = 99; /* libraries do */
    return library_says.number;
}

static const char *error_text(void *handle)
{
    (void)handle;
    return library_says.text;
}

static const char *sqlstate(void *handle)
{
    (void)handle;
    return library_says.state;
}

static unsigned columns(void *handle)
{
    (void)handle;
    return library_says.columns;
}

static uint64_t affected_rows(void *handle)
{
    (void)handle;
    errno = 99;
    return library_says.rows;
}

static const char *server_version(void *handle)
{
    (void)handle;
    return library_says.version;
}

static const char *host_info(void *handle)
{
    (void)handle;
    return library_says.socket ? "Localhost via UNIX socket" : "db.example via TCP/IP";
}

static char info(void *handle, int value, void *answer)
{
    (void)handle;
    if (!library_says.has_info)
        return 1;
    const char *texts[28] = {
        [10] = "db.example", [15] = "shop", [26] = library_says.socket, [27] = "reader"};
    if (value == 12)
        *(unsigned *)answer = 3307;
    else
        *(const char **)answer = texts[value];
    return 0;
}

static const struct mysql_library library = {
    .error_number = error_number,
    .error_text = error_text,
    .sqlstate = sqlstate,
    .columns = columns,
    .affected_rows = affected_rows,
    .server_version = server_version,
    .host_info = host_info,
    .info = info,
    .stmt_error_number = error_number,
    .stmt_error_text = error_text,
    .stmt_sqlstate = sqlstate,
    .stmt_columns = columns,
    .stmt_affected_rows = affected_rows,
};

#endif
