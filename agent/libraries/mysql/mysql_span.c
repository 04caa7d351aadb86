// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/mysql/mysql_span.h"

#include "agent/text/redact.h"
#include "agent/text/redact_shape.h"
#include "agent/text/redact_words.h"

#define NS_PER_MS 1000000u

struct mysql_settings mysql_settings;

void mysql_span_prepare(const struct config *config)
{
    mysql_settings.slow_ms = config->slow_query_ms;
    mysql_settings.has_sessions = config->db_spans == DB_SPANS_ALL;
}

static struct slice system_name(const struct mysql_handle *handle)
{
    return handle && handle->system == MYSQL_SYSTEM_MARIADB ? SLICE_LITERAL("mariadb")
                                                            : SLICE_LITERAL("mysql");
}

static struct slice filled(const char *text)
{
    return text[0] ? slice_of(text) : SLICE_NONE;
}

/* Places and users are short: one that holds a secret by its shape is hidden as a whole. */
__attribute__((noinline)) static struct slice shown(struct span *span, const char *text)
{
    struct slice found = filled(text);
    if (found.length < REDACT_SHAPE_LEAST || redact_words_shapeless(&redact_of_process, found))
        return found;
    span_masked(span);
    return SLICE_LITERAL("REDACTED");
}

static void name(struct span *span, const struct mysql_outcome *outcome)
{
    const struct sql *sql = outcome->sql;
    if (sql && sql->summary.length)
        span_name(span, sql->summary);
    else if (sql && sql->operation.at && sql->collection.at)
        span_joined_name(span,
                         (struct slice[]){sql->operation, SLICE_LITERAL(" "), sql->collection}, 3);
    else if (sql && sql->operation.at)
        span_name(span, sql->operation);
    else if (outcome->operation.at)
        span_name(span, outcome->operation);
    else
        span_name(span, system_name(outcome->handle));
}

static void statement(struct span *span, const struct mysql_outcome *outcome)
{
    const struct sql *sql = outcome->sql;
    if (!sql) {
        span_string(span, ATTRIBUTE_DB_OPERATION_NAME, outcome->operation);
        return;
    }
    if (sql->summary.length)
        span_string(span, ATTRIBUTE_DB_QUERY_SUMMARY, sql->summary);
    span_string(span, ATTRIBUTE_DB_OPERATION_NAME, sql->operation);
    span_string(span, ATTRIBUTE_DB_COLLECTION_NAME, sql->collection);
    if (sql->statements >= 2)
        span_integer(span, ATTRIBUTE_DB_OPERATION_BATCH_SIZE, sql->statements);
}

/* mysql://host:3306/db: without a user, who is never without a password. */
static void connection_string(struct span *span, const struct mysql_handle *handle,
                              struct slice address, struct slice schema)
{
    char port[CLIENT_DECIMAL_BYTES];
    struct slice parts[8];
    size_t count = 0;
    parts[count++] = SLICE_LITERAL("mysql://");
    if (handle->is_unix) {
        parts[count++] = SLICE_LITERAL("localhost");
    } else {
        bool is_ipv6 = slice_find(address, ':') < address.length;
        if (is_ipv6)
            parts[count++] = SLICE_LITERAL("[");
        parts[count++] = address;
        parts[count++] = is_ipv6 ? SLICE_LITERAL("]:") : SLICE_LITERAL(":");
        parts[count++] = client_decimal(handle->port, port);
    }
    parts[count++] = SLICE_LITERAL("/");
    parts[count++] = schema;
    span_joined(span, ATTRIBUTE_DB_CONNECTION_STRING, parts, count);
}

static void server(struct span *span, const struct mysql_handle *handle)
{
    span_string(span, ATTRIBUTE_DB_SYSTEM_NAME, system_name(handle));
    if (!handle)
        return;
    struct slice schema = shown(span, handle->schema);
    struct slice address = shown(span, handle->address);
    span_string(span, ATTRIBUTE_DB_NAMESPACE, schema);
    span_string(span, ATTRIBUTE_DB_USER, shown(span, handle->user));
    if (!address.at)
        return;
    span_string(span, ATTRIBUTE_PEER_SERVER_ADDRESS, address);
    if (handle->is_unix)
        span_string(span, ATTRIBUTE_NETWORK_TRANSPORT, SLICE_LITERAL("unix"));
    else
        span_integer(span, ATTRIBUTE_PEER_SERVER_PORT, handle->port);
    connection_string(span, handle, address, schema);
}

static void failure(struct span *span, const struct mysql_error *error)
{
    char number[CLIENT_DECIMAL_BYTES];
    if (error->number)
        span_string(span, ATTRIBUTE_DB_RESPONSE_STATUS_CODE, client_decimal(error->number, number));
    client_span_error(span, error->type, error->message);
}

static void retry_event(struct span *span, const struct mysql_outcome *outcome)
{
    char number[CLIENT_DECIMAL_BYTES];
    const struct mysql_attempt *attempt = &outcome->attempt;
    span_event(span, EVENT_DB_RETRY, outcome->start_ns);
    span_string(span, ATTRIBUTE_ERROR_TYPE, client_decimal(attempt->failed_with, number));
    span_integer(span, ATTRIBUTE_BACKOFF_MS,
                 (int64_t)((outcome->start_ns - attempt->failed_ns) / NS_PER_MS));
}

void mysql_span_describe(struct span *span, const struct mysql_outcome *outcome)
{
    int64_t duration_ms = (int64_t)((outcome->end_ns - outcome->start_ns) / NS_PER_MS);
    int64_t slow_ms = mysql_settings.slow_ms;
    bool slow = slow_ms && duration_ms >= slow_ms;

    if (outcome->masked)
        span_masked(span);
    name(span, outcome);
    server(span, outcome->handle);
    statement(span, outcome);
    span_integer(span, ATTRIBUTE_DB_DURATION_MS, duration_ms);
    if (outcome->writes)
        span_integer(span, ATTRIBUTE_DB_ROWS_AFFECTED, (int64_t)outcome->affected_rows);
    if (outcome->attempt.number >= 2)
        span_integer(span, ATTRIBUTE_DB_ATTEMPT, outcome->attempt.number);
    if (slow)
        span_boolean(span, ATTRIBUTE_DB_SLOW_QUERY, true);
    if (outcome->failed)
        failure(span, &outcome->error);
    /* Last of the attributes, because it is the longest. */
    if (outcome->sql && outcome->sql->text.length)
        span_string(span, ATTRIBUTE_DB_QUERY_TEXT, outcome->sql->text);

    if (outcome->attempt.number >= 2)
        retry_event(span, outcome);
    if (outcome->failed)
        client_span_exception(span, outcome->error.type, outcome->error.message, outcome->end_ns);
    if (slow) {
        span_event(span, EVENT_SLOW_QUERY_DETECTED, outcome->end_ns);
        span_integer(span, ATTRIBUTE_QUERY_DURATION_MS, duration_ms);
        span_integer(span, ATTRIBUTE_QUERY_THRESHOLD_MS, slow_ms);
    }
}
