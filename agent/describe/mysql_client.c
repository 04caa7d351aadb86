// SPDX-License-Identifier: Apache-2.0
#include "agent/describe/mysql_client.h"

#include "agent/describe/mysql_facts.h"
#include "agent/describe/statements.h"

#define NS_PER_MS 1000000u

/* Facts in the parts that a span tells. */
struct told {
    const struct mysql_facts *facts;
    struct slice text[MYSQL_TOLD_COUNT];
    struct sql sql;
};

/* False: they are not whole. */
static bool read_facts(const struct span_entry *entry, struct told *told)
{
    const struct mysql_facts *facts = (const struct mysql_facts *)(const void *)entry->bytes;
    if (entry->length < MYSQL_FACTS_BYTES ||
        !facts_split(facts->texts, entry->length - MYSQL_FACTS_BYTES, facts->lengths,
                     MYSQL_TOLD_COUNT, told->text))
        return false;
    told->facts = facts;
    if (facts->flags & MYSQL_IS_PLAIN) {
        told->sql = *statements_summarise(told->text[MYSQL_TOLD_STATEMENT]);
        return true;
    }
    told->sql = (struct sql){
        .text = told->text[MYSQL_TOLD_STATEMENT],
        .summary = told->text[MYSQL_TOLD_SUMMARY],
        .operation = told->text[MYSQL_TOLD_OPERATION],
        .collection = told->text[MYSQL_TOLD_COLLECTION],
        .statements = facts->statements,
    };
    return true;
}

static struct slice system_name(const struct mysql_facts *facts)
{
    return facts->system == MYSQL_SYSTEM_MARIADB ? SLICE_LITERAL("mariadb")
                                                 : SLICE_LITERAL("mysql");
}

static void describe_name(struct span *span, const struct told *told)
{
    const struct sql *sql = &told->sql;
    if (sql->summary.length)
        span_name(span, sql->summary);
    else if (sql->operation.at && sql->collection.at)
        span_joined_name(span,
                         (struct slice[]){sql->operation, SLICE_LITERAL(" "), sql->collection}, 3);
    else if (sql->operation.at)
        span_name(span, sql->operation);
    else
        span_name(span, system_name(told->facts));
}

static struct slice decimal(unsigned port, char out[8])
{
    size_t at = 8;
    do
        out[--at] = (char)('0' + port % 10);
    while (port /= 10);
    return (struct slice){out + at, 8 - at};
}

/* mysql://host:3306/db: without a user, who is never without a password. */
static void describe_connection(struct span *span, const struct told *told)
{
    char port[8];
    struct slice address = told->text[MYSQL_TOLD_ADDRESS];
    struct slice parts[8];
    size_t count = 0;
    parts[count++] = SLICE_LITERAL("mysql://");
    if (told->facts->flags & MYSQL_IS_UNIX) {
        parts[count++] = SLICE_LITERAL("localhost");
    } else {
        bool is_ipv6 = slice_find(address, ':') < address.length;
        if (is_ipv6)
            parts[count++] = SLICE_LITERAL("[");
        parts[count++] = address;
        parts[count++] = is_ipv6 ? SLICE_LITERAL("]:") : SLICE_LITERAL(":");
        parts[count++] = decimal(told->facts->port, port);
    }
    parts[count++] = SLICE_LITERAL("/");
    parts[count++] = told->text[MYSQL_TOLD_SCHEMA];
    span_joined(span, ATTRIBUTE_DB_CONNECTION_STRING, parts, count);
}

static void describe_server(struct span *span, const struct told *told)
{
    struct slice address = told->text[MYSQL_TOLD_ADDRESS];
    span_string(span, ATTRIBUTE_DB_SYSTEM_NAME, system_name(told->facts));
    span_string(span, ATTRIBUTE_DB_NAMESPACE, told->text[MYSQL_TOLD_SCHEMA]);
    span_string(span, ATTRIBUTE_DB_USER, told->text[MYSQL_TOLD_USER]);
    if (!address.at)
        return;
    span_string(span, ATTRIBUTE_PEER_SERVER_ADDRESS, address);
    if (told->facts->flags & MYSQL_IS_UNIX)
        span_string(span, ATTRIBUTE_NETWORK_TRANSPORT, SLICE_LITERAL("unix"));
    else
        span_integer(span, ATTRIBUTE_PEER_SERVER_PORT, told->facts->port);
    describe_connection(span, told);
}

static void describe_statement(struct span *span, const struct sql *sql)
{
    if (sql->summary.length)
        span_string(span, ATTRIBUTE_DB_QUERY_SUMMARY, sql->summary);
    span_string(span, ATTRIBUTE_DB_OPERATION_NAME, sql->operation);
    span_string(span, ATTRIBUTE_DB_COLLECTION_NAME, sql->collection);
    if (sql->statements >= 2)
        span_integer(span, ATTRIBUTE_DB_OPERATION_BATCH_SIZE, sql->statements);
}

void mysql_client_describe(struct span *span, const struct span_entry *entry)
{
    struct told told;
    if (!read_facts(entry, &told))
        return;
    const struct mysql_facts *facts = told.facts;
    uint64_t took_ns = span->record->end_ns - span->record->start_ns;
    describe_name(span, &told);
    describe_server(span, &told);
    describe_statement(span, &told.sql);
    span_integer(span, ATTRIBUTE_DB_DURATION_MS, (int64_t)(took_ns / NS_PER_MS));
    if (facts->flags & MYSQL_HAS_WRITTEN)
        span_integer(span, ATTRIBUTE_DB_ROWS_AFFECTED, (int64_t)facts->affected_rows);
    if (facts->attempt >= 2)
        span_integer(span, ATTRIBUTE_DB_ATTEMPT, facts->attempt);
    if (facts->flags & MYSQL_IS_SLOW)
        span_boolean(span, ATTRIBUTE_DB_SLOW_QUERY, true);
    /* Last of the attributes, because it is the longest. */
    if (told.sql.text.length)
        span_string(span, ATTRIBUTE_DB_QUERY_TEXT, told.sql.text);
}
