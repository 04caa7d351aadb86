// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/mysql/mysql_handle.h"

_Static_assert(sizeof(struct mysql_statement) <= 4096, "a statement fits in a page");

HANDLE_TABLE(handles, sizeof(struct mysql_handle), 64);
HANDLE_TABLE(statements, sizeof(struct mysql_statement), 32);

/* enum mariadb_value of libmariadb's mysql.h; the test compares them. */
enum { INFO_HOST = 10, INFO_PORT = 12, INFO_SCHEMA = 15, INFO_UNIX_SOCKET = 26, INFO_USER = 27 };

struct mysql_handle *mysql_handle_made(void *mysql)
{
    return handle_make(&handles, mysql);
}

struct mysql_handle *mysql_handle_known(void *mysql)
{
    return handle_find(&handles, mysql);
}

void mysql_handle_drop(void *mysql)
{
    handle_drop(&handles, mysql);
}

void mysql_handle_each(void (*visit)(const void *handle))
{
    handle_each(&handles, visit);
}

/* Copies what fits, without the half of a character. */
static void keep_slice(char *into, size_t capacity, struct slice text)
{
    size_t length = text.length < capacity ? text.length : capacity - 1;
    while (length && length < text.length && ((unsigned char)text.at[length] & 0xc0) == 0x80)
        length--;
    if (length)
        memcpy(into, text.at, length);
    into[length] = '\0';
}

static void keep(char *into, size_t capacity, const char *text)
{
    if (text)
        keep_slice(into, capacity, slice_of(text));
}

void mysql_handle_aim(struct mysql_handle *handle, const struct mysql_target *target)
{
    keep(handle->user, sizeof handle->user, target->user);
    keep(handle->schema, sizeof handle->schema, target->schema);
    if (target->socket && (!target->host || strcmp(target->host, "localhost") == 0)) {
        keep(handle->address, sizeof handle->address, target->socket);
        handle->is_unix = true;
    } else if (target->host) {
        keep(handle->address, sizeof handle->address, target->host);
        handle->is_unix = false;
        handle->port = target->port ? (uint16_t)target->port : 3306;
    }
}

void mysql_handle_aim_next(struct mysql_handle *handle, const struct mysql_target *target)
{
    handle->next_user[0] = handle->next_schema[0] = '\0';
    keep(handle->next_user, sizeof handle->next_user, target->user);
    keep(handle->next_schema, sizeof handle->next_schema, target->schema);
}

void mysql_handle_moved(struct mysql_handle *handle)
{
    if (handle->next_user[0])
        keep(handle->user, sizeof handle->user, handle->next_user);
    if (handle->next_schema[0])
        keep(handle->schema, sizeof handle->schema, handle->next_schema);
}

static void adopt(char *into, size_t capacity, const struct mysql_library *library, void *mysql,
                  int value)
{
    const char *text = NULL;
    if (library->info(mysql, value, &text) == 0)
        keep(into, capacity, text);
}

static void adopt_server(struct mysql_handle *handle, const struct mysql_library *library,
                         void *mysql)
{
    const char *path = NULL;
    unsigned port = 0;
    if (library->info(mysql, INFO_UNIX_SOCKET, &path) == 0) {
        handle->is_unix = path != NULL;
        if (path)
            keep(handle->address, sizeof handle->address, path);
        else
            adopt(handle->address, sizeof handle->address, library, mysql, INFO_HOST);
        if (library->info(mysql, INFO_PORT, &port) == 0)
            handle->port = (uint16_t)port;
        return;
    }
    /* "Localhost via UNIX socket": which path is libmysqlclient's secret, unless it was given. */
    const char *how = library->host_info(mysql);
    if (how && strstr(how, "UNIX socket") && !handle->is_unix) {
        keep(handle->address, sizeof handle->address, "localhost");
        handle->is_unix = true;
    }
}

void mysql_handle_connected(struct mysql_handle *handle, const struct mysql_library *library,
                            void *mysql)
{
    adopt_server(handle, library, mysql);
    adopt(handle->user, sizeof handle->user, library, mysql, INFO_USER);
    adopt(handle->schema, sizeof handle->schema, library, mysql, INFO_SCHEMA);
    const char *version = library->server_version(mysql);
    if (version)
        handle->system = strstr(version, "MariaDB") ? MYSQL_SYSTEM_MARIADB : MYSQL_SYSTEM_MYSQL;
}

void mysql_handle_use(struct mysql_handle *handle, struct slice schema)
{
    keep_slice(handle->schema, sizeof handle->schema, schema);
}

struct mysql_statement *mysql_statement_make(void *key, void *mysql)
{
    struct mysql_statement *statement = handle_make(&statements, key);
    if (!statement)
        return NULL;
    const struct mysql_handle *handle = mysql_handle_known(mysql);
    statement->mysql = mysql;
    statement->generation = handle ? handle->handle.generation : 0;
    return statement;
}

struct mysql_statement *mysql_statement_of(void *key)
{
    return handle_find(&statements, key);
}

void mysql_statement_drop(void *key)
{
    handle_drop(&statements, key);
}

/* To recognise the text: equal texts have equal hashes. Not 0. Like FNV-1a, but eight bytes at a
 * time, because every statement is hashed. */
static uint64_t hash_of(struct slice text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    size_t length = text.length < SQL_READ_BYTES ? text.length : SQL_READ_BYTES;
    for (size_t i = 0; i < length; i += sizeof hash) {
        uint64_t word = 0;
        size_t left = length - i;
        memcpy(&word, text.at + i, left < sizeof word ? left : sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    hash ^= text.length;
    return hash ? hash : 1;
}

void mysql_text_keep(struct mysql_text *text, struct slice given)
{
    text->hash = hash_of(given);
    sql_summarise(given, text->buffer, sizeof text->buffer, &text->sql);
    text->known = true;
}
