// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/mysql/mysql_handle.h"

#include "agent/sql/sql_strip.h"
#include "agent/text/redact.h"
#include "agent/text/redact_runs.h"
#include "agent/text/redact_shape.h"
#include "agent/text/redact_words.h"

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
    handle->place.known = false;
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
    handle->place.known = false;
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
    handle->place.known = false;
    adopt_server(handle, library, mysql);
    adopt(handle->user, sizeof handle->user, library, mysql, INFO_USER);
    adopt(handle->schema, sizeof handle->schema, library, mysql, INFO_SCHEMA);
    const char *version = library->server_version(mysql);
    if (version)
        handle->system = strstr(version, "MariaDB") ? MYSQL_SYSTEM_MARIADB : MYSQL_SYSTEM_MYSQL;
}

void mysql_handle_use(struct mysql_handle *handle, struct slice schema)
{
    handle->place.known = false;
    keep_slice(handle->schema, sizeof handle->schema, schema);
}

/* Places and users are short: one that holds a secret by its shape is hidden as a whole. */
static void tell(struct mysql_place *place, enum mysql_told which, const char *text)
{
    struct slice shown = slice_of(text);
    if (shown.length >= REDACT_SHAPE_LEAST && !redact_words_shapeless(&redact_of_process, shown)) {
        place->masked = true;
        shown = SLICE_LITERAL("REDACTED");
    }
    place->lengths[which] = shown.length ? (uint16_t)shown.length : FACTS_ABSENT;
    memcpy(place->texts + place->bytes, shown.at, shown.length);
    place->bytes = (uint16_t)(place->bytes + shown.length);
}

__attribute__((noinline)) static void make_place(struct mysql_handle *handle)
{
    struct mysql_place *place = &handle->place;
    place->bytes = 0;
    place->masked = false;
    tell(place, MYSQL_TOLD_ADDRESS, handle->address);
    tell(place, MYSQL_TOLD_USER, handle->user);
    tell(place, MYSQL_TOLD_SCHEMA, handle->schema);
    place->known = true;
}

const struct mysql_place *mysql_handle_place(struct mysql_handle *handle)
{
    if (!handle->place.known)
        make_place(handle);
    return &handle->place;
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
    uint64_t word;
    size_t i = 0;
    for (; length - i >= sizeof word; i += sizeof word) {
        memcpy(&word, text.at + i, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    for (word = 0; i < length; i++)
        word = word << 8 | (unsigned char)text.at[i];
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
    hash ^= text.length;
    return hash ? hash : 1;
}

/* A secret by its shape can be a name: a program has forgotten the quotes around a value. What is
 * made of names goes, too, because there they are folded and may be half a secret. */
__attribute__((noinline)) static void hide_secrets(struct mysql_text *text)
{
    struct sql *sql = &text->sql; /* in the buffer */
    if (redact_shape_find(sql->text, 0, sql->text.length).to == 0)
        return;
    char *at = text->buffer + (sql->text.at - text->buffer);
    sql->text.length = redact_shape_blot(at, sql->text.length, sql->text.length);
    sql->summary = sql->collection = SLICE_NONE;
    text->masked = true;
}

__attribute__((noinline)) static void summarise(struct mysql_text *text, struct slice given)
{
    sql_summarise(given, text->buffer, sizeof text->buffer, &text->sql);
    text->masked = false;
    if (!redact_words_shapeless(&redact_of_process, text->sql.text))
        hide_secrets(text);
    text->is_plain = false;
    text->repeats = slice_equal(given, text->sql.text) && !text->masked;
}

/* As much as sql_summarise() has room for, so that both make the same of a long one. */
#define PLAIN_BYTES (MYSQL_TEXT_BYTES - SQL_SUMMARY_BYTES)

__attribute__((noinline)) static void keep_new(struct mysql_text *text, struct slice given)
{
    text->repeats = false;
    text->is_plain = sql_strip(given, text->buffer, PLAIN_BYTES, &text->sql) &&
                     redact_runs_shapeless(&redact_of_process, text->sql.text);
    text->masked = false;
    if (text->is_plain)
        text->repeats = true;
    else
        summarise(text, given);
}

/* Would the same be kept of it? One that is not plain has to be the same, and so has no values. */
static bool is_repeated(const struct mysql_text *text, struct slice given)
{
    return text->is_plain ? sql_strip_repeats(given, text->sql.text)
                          : slice_equal(given, text->sql.text);
}

/* From the one behind the last on: programs send their statements in turns. */
static bool find_known(struct mysql_text *text, struct mysql_known_list *list, struct slice given)
{
    for (unsigned i = 1; i <= MYSQL_KNOWN; i++) {
        unsigned at = (list->last + i) % MYSQL_KNOWN;
        const struct mysql_known *known = &list->known[at];
        struct slice plain = {known->bytes, known->length};
        if (!plain.length || !sql_strip_repeats(given, plain))
            continue;
        list->last = at;
        text->sql = (struct sql){.text = plain, .operation = known->operation, .statements = 1};
        text->is_plain = text->repeats = true;
        text->masked = false;
        return true;
    }
    return false;
}

static void make_known(const struct mysql_text *text, struct mysql_known_list *list)
{
    struct slice plain = text->sql.text;
    if (!text->is_plain || plain.length > MYSQL_KNOWN_BYTES)
        return;
    list->last = (list->last + 1) % MYSQL_KNOWN;
    struct mysql_known *known = &list->known[list->last];
    known->length = 0;
    memcpy(known->bytes, plain.at, plain.length);
    known->operation = text->sql.operation;
    known->length = (uint16_t)plain.length;
}

__attribute__((noinline)) static void keep_other(struct mysql_text *text,
                                                 struct mysql_known_list *list, struct slice given)
{
    if (list && find_known(text, list, given))
        return;
    keep_new(text, given);
    if (list)
        make_known(text, list);
}

void mysql_text_keep(struct mysql_text *text, struct mysql_known_list *list, struct slice given)
{
    text->hash = hash_of(given);
    if (!text->repeats || !is_repeated(text, given))
        keep_other(text, list, given);
    text->known = true;
}
