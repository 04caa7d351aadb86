// SPDX-License-Identifier: Apache-2.0
#include "database.h"
#include <errmsg.h>
#include <mysql.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS_MAX = 64, STATEMENT_BYTES = 2048, TEXT_BYTES = 256 };

static const struct shop_options *settings;
static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t pool_freed = PTHREAD_COND_INITIALIZER;
static MYSQL *pool[CONNECTIONS_MAX]; /* the free ones; pool_mutex */
static unsigned pool_free;

/* --- the pool --- */

static MYSQL *connect_one(void)
{
    MYSQL *mysql = mysql_init(NULL);
    const char *unix_socket = *settings->db_socket ? settings->db_socket : NULL;

    if (!mysql)
        return NULL;
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    /* The client library looks at the socket only when no other host is named. */
    if (mysql_real_connect(mysql, unix_socket ? NULL : settings->db_host, settings->db_user,
                           settings->db_password, settings->db_name, settings->db_port, unix_socket,
                           0))
        return mysql;
    fprintf(stderr, "shop: database: %s\n", mysql_error(mysql));
    mysql_close(mysql);
    return NULL;
}

static MYSQL *acquire(void)
{
    pthread_mutex_lock(&pool_mutex);
    while (pool_free == 0)
        pthread_cond_wait(&pool_freed, &pool_mutex);
    MYSQL *mysql = pool[--pool_free];
    pthread_mutex_unlock(&pool_mutex);
    return mysql ? mysql : connect_one();
}

/* A connection the server has left goes back as NULL, and the next one who takes it connects. */
static void release(MYSQL *mysql)
{
    unsigned error = mysql ? mysql_errno(mysql) : 0;

    if (error == CR_SERVER_GONE_ERROR || error == CR_SERVER_LOST) {
        mysql_close(mysql);
        mysql = NULL;
    }
    pthread_mutex_lock(&pool_mutex);
    pool[pool_free++] = mysql;
    pthread_cond_signal(&pool_freed);
    pthread_mutex_unlock(&pool_mutex);
}

bool database_open(const struct shop_options *options)
{
    settings = options;
    if (mysql_library_init(0, NULL, NULL) != 0)
        return false;
    for (unsigned i = 0; i < options->connections && i < CONNECTIONS_MAX; i++) {
        pool[pool_free] = connect_one();
        if (!pool[pool_free])
            return false;
        pool_free++;
    }
    return pool_free > 0;
}

void database_close(void)
{
    while (pool_free > 0) {
        MYSQL *mysql = pool[--pool_free];
        if (mysql)
            mysql_close(mysql);
    }
    mysql_library_end();
}

/* --- rows to JSON --- */

void json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(out, "\\u%04x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

static enum database_result fail(FILE *out, const char *message)
{
    fputs("{\"error\":", out);
    json_text(out, message);
    fputs("}\n", out);
    return DATABASE_FAILED;
}

static void write_row(FILE *out, MYSQL_ROW row, const MYSQL_FIELD *fields, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fprintf(out, "%s\"%s\":", i ? "," : "{", fields[i].name);
        if (!row[i])
            fputs("null", out);
        else if (IS_NUM(fields[i].type))
            fputs(row[i], out);
        else
            json_text(out, row[i]);
    }
    fputc('}', out);
}

/* ` AS r_<request>`, or nothing. */
static const char *alias(const char *request, char text[48])
{
    if (*request)
        snprintf(text, 48, " AS r_%s", request);
    else
        text[0] = '\0';
    return text;
}

__attribute__((format(printf, 2, 3))) static int query(MYSQL *mysql, const char *format, ...)
{
    char statement[STATEMENT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(statement, sizeof statement, format, arguments);
    va_end(arguments);
    return mysql_real_query(mysql, statement, (unsigned long)length);
}

static enum database_result write_rows(MYSQL *mysql, FILE *out)
{
    MYSQL_RES *result = mysql_store_result(mysql);
    MYSQL_ROW row;
    unsigned rows = 0;

    if (!result)
        return fail(out, mysql_error(mysql));
    fputc('[', out);
    while ((row = mysql_fetch_row(result))) {
        if (rows++)
            fputs(",\n ", out);
        write_row(out, row, mysql_fetch_fields(result), mysql_num_fields(result));
    }
    fputs("]\n", out);
    mysql_free_result(result);
    return DATABASE_FOUND;
}

/* --- the questions --- */

#define PRODUCT_COLUMNS "id, name, price_cents, category_id, image_key"

enum database_result database_products(const char *request, const char *category, FILE *out)
{
    char as[48], escaped[2 * TEXT_BYTES + 1];
    MYSQL *mysql = acquire();
    enum database_result result = DATABASE_FAILED;
    int failed;

    if (!mysql)
        return release(NULL), fail(out, "no database");
    if (category) {
        mysql_real_escape_string(mysql, escaped, category, strnlen(category, TEXT_BYTES));
        failed = query(mysql,
                       "SELECT " PRODUCT_COLUMNS " FROM products%s WHERE id < 100 AND category_id "
                       "IN (SELECT id FROM categories WHERE name = '%s') ORDER BY id",
                       alias(request, as), escaped);
    } else {
        failed =
            query(mysql, "SELECT " PRODUCT_COLUMNS " FROM products%s WHERE id < 100 ORDER BY id",
                  alias(request, as));
    }
    result = failed ? fail(out, mysql_error(mysql)) : write_rows(mysql, out);
    release(mysql);
    return result;
}

/* Runs a prepared SELECT with one number for its parameter; false on failure. */
static bool select_by_id(MYSQL_STMT *statement, const char *text, unsigned id, MYSQL_BIND *columns)
{
    MYSQL_BIND parameter = {.buffer_type = MYSQL_TYPE_LONG, .buffer = &id, .is_unsigned = 1};

    return mysql_stmt_prepare(statement, text, strlen(text)) == 0 &&
           mysql_stmt_bind_param(statement, &parameter) == 0 &&
           mysql_stmt_execute(statement) == 0 && mysql_stmt_bind_result(statement, columns) == 0 &&
           mysql_stmt_store_result(statement) == 0;
}

enum database_result database_product(const char *request, unsigned id, FILE *out)
{
    char as[48], text[STATEMENT_BYTES], name[TEXT_BYTES] = "";
    int price_cents = 0;
    MYSQL_BIND columns[2] = {
        {.buffer_type = MYSQL_TYPE_STRING, .buffer = name, .buffer_length = sizeof name - 1},
        {.buffer_type = MYSQL_TYPE_LONG, .buffer = &price_cents}};
    MYSQL *mysql = acquire();
    MYSQL_STMT *statement = mysql ? mysql_stmt_init(mysql) : NULL;
    enum database_result result;

    if (!statement)
        return release(mysql), fail(out, "no database");
    snprintf(text, sizeof text, "SELECT name, price_cents FROM products%s WHERE id = ?",
             alias(request, as));
    if (!select_by_id(statement, text, id, columns)) {
        result = fail(out, mysql_stmt_error(statement));
    } else if (mysql_stmt_fetch(statement) == 0) {
        fprintf(out, "{\"id\":%u,\"name\":", id);
        json_text(out, name);
        fprintf(out, ",\"price_cents\":%d}\n", price_cents);
        result = DATABASE_FOUND;
    } else {
        result = DATABASE_ABSENT;
    }
    mysql_stmt_close(statement);
    release(mysql);
    return result;
}

enum database_result database_image_key(const char *request, unsigned id, char *key, FILE *out)
{
    char as[48];
    MYSQL *mysql = acquire();
    MYSQL_RES *rows = NULL;
    enum database_result result = DATABASE_ABSENT;

    key[0] = '\0';
    if (!mysql)
        return release(NULL), fail(out, "no database");
    if (query(mysql, "SELECT image_key FROM products%s WHERE id = %u", alias(request, as), id) !=
            0 ||
        !(rows = mysql_store_result(mysql))) {
        result = fail(out, mysql_error(mysql));
    } else {
        MYSQL_ROW row = mysql_fetch_row(rows);
        if (row) {
            snprintf(key, DATABASE_KEY_BYTES, "%s", row[0] ? row[0] : "");
            result = DATABASE_FOUND;
        }
        mysql_free_result(rows);
    }
    release(mysql);
    return result;
}

enum database_result database_set_image_key(const char *request, unsigned id, const char *key,
                                            FILE *out)
{
    char as[48], escaped[2 * DATABASE_KEY_BYTES + 1];
    MYSQL *mysql = acquire();
    enum database_result result = DATABASE_FOUND;

    if (!mysql)
        return release(NULL), fail(out, "no database");
    mysql_real_escape_string(mysql, escaped, key, strnlen(key, DATABASE_KEY_BYTES));
    if (query(mysql, "UPDATE products%s SET image_key = '%s' WHERE id = %u", alias(request, as),
              escaped, id) != 0)
        result = fail(out, mysql_error(mysql));
    release(mysql);
    return result;
}

enum database_result database_categories(const char *request, FILE *out)
{
    char as[48];
    MYSQL *mysql = acquire();
    enum database_result result;

    if (!mysql)
        return release(NULL), fail(out, "no database");
    result = query(mysql, "SELECT id, name FROM categories%s ORDER BY id", alias(request, as)) != 0
                 ? fail(out, mysql_error(mysql))
                 : write_rows(mysql, out);
    release(mysql);
    return result;
}

enum database_result database_category_products(const char *request, unsigned category, FILE *out)
{
    char as[48];
    MYSQL *mysql = acquire();
    MYSQL_RES *rows = NULL;
    enum database_result result = DATABASE_ABSENT;

    if (!mysql)
        return release(NULL), fail(out, "no database");
    alias(request, as);
    if (query(mysql, "SELECT id FROM categories%s WHERE id = %u", as, category) != 0 ||
        !(rows = mysql_store_result(mysql))) {
        result = fail(out, mysql_error(mysql));
    } else if (mysql_num_rows(rows) == 1) {
        result = query(mysql,
                       "SELECT " PRODUCT_COLUMNS " FROM products%s WHERE id < 100 AND category_id "
                       "= %u ORDER BY id",
                       as, category) != 0
                     ? fail(out, mysql_error(mysql))
                     : write_rows(mysql, out);
    }
    mysql_free_result(rows);
    release(mysql);
    return result;
}

enum database_result database_broken(const char *request, FILE *out)
{
    char as[48];
    MYSQL *mysql = acquire();
    enum database_result result;

    if (!mysql)
        return release(NULL), fail(out, "no database");
    result = query(mysql, "SELECT id FROM missing%s WHERE secret = 'hunter2'", alias(request, as))
                 ? fail(out, mysql_error(mysql))
                 : write_rows(mysql, out);
    release(mysql);
    return result;
}
