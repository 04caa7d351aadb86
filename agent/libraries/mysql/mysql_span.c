// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/mysql/mysql_span.h"

#include <string.h>

#include "agent/describe/mysql_facts.h"

#define NS_PER_MS 1000000u

struct mysql_settings mysql_settings;

void mysql_span_prepare(const struct config *config)
{
    mysql_settings.slow_ms = config->slow_query_ms;
    mysql_settings.has_sessions = config->db_spans == DB_SPANS_ALL;
}

/* What they may take together; a record has room for it. */
#define FACTS_MOST                                                                                 \
    (MYSQL_FACTS_BYTES + (uint32_t)sizeof((struct mysql_place *)0)->texts + MYSQL_TEXT_BYTES +     \
     2 * SQL_SUMMARY_BYTES)
_Static_assert(sizeof(struct span_record) + 128 + FACTS_MOST + SPAN_RESERVE_BYTES <=
                   CLIENT_RECORD_BYTES,
               "and for what comes after it");

static char *add(struct mysql_facts *facts, enum mysql_told which, struct slice text, char *at)
{
    facts->lengths[which] = FACTS_ABSENT;
    if (!text.at)
        return at;
    facts->lengths[which] = (uint16_t)text.length;
    memcpy(at, text.at, text.length);
    return at + text.length;
}

static char *add_statement(struct mysql_facts *facts, const struct mysql_outcome *outcome, char *at)
{
    const struct sql *sql = outcome->sql;
    at = add(facts, MYSQL_TOLD_STATEMENT, sql ? sql->text : SLICE_NONE, at);
    if (outcome->is_plain) {
        facts->flags |= MYSQL_IS_PLAIN;
        facts->lengths[MYSQL_TOLD_OPERATION] = FACTS_ABSENT;
        facts->lengths[MYSQL_TOLD_SUMMARY] = FACTS_ABSENT;
        facts->lengths[MYSQL_TOLD_COLLECTION] = FACTS_ABSENT;
        return at;
    }
    at = add(facts, MYSQL_TOLD_OPERATION, sql ? sql->operation : outcome->operation, at);
    at = add(facts, MYSQL_TOLD_SUMMARY, sql ? sql->summary : SLICE_NONE, at);
    return add(facts, MYSQL_TOLD_COLLECTION, sql ? sql->collection : SLICE_NONE, at);
}

static void write_facts(struct span *span, const struct mysql_outcome *outcome, bool slow)
{
    uint32_t most;
    const struct mysql_place *place = outcome->place;
    struct mysql_facts *facts = span_facts_begin(span, &most);
    if (!facts || most < FACTS_MOST)
        return;
    facts->affected_rows = outcome->affected_rows;
    facts->attempt = outcome->attempt.number;
    facts->reserved = 0;
    facts->flags =
        (uint16_t)((outcome->handle->is_unix ? MYSQL_IS_UNIX : 0) | (slow ? MYSQL_IS_SLOW : 0) |
                   (outcome->writes ? MYSQL_HAS_WRITTEN : 0));
    facts->system = outcome->handle->system;
    facts->port = outcome->handle->port;
    facts->statements = outcome->sql ? (uint16_t)outcome->sql->statements : 0;
    memcpy(facts->lengths, place->lengths, sizeof place->lengths);
    memcpy(facts->texts, place->texts, place->bytes);
    char *end = add_statement(facts, outcome, facts->texts + place->bytes);
    span_facts_end(span, SPAN_FACTS_MYSQL, (uint32_t)(end - (char *)facts));
    if (outcome->masked || place->masked)
        span_masked(span);
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
    uint64_t took_ns = outcome->end_ns - outcome->start_ns;
    uint64_t slow_ns = (uint64_t)mysql_settings.slow_ms * NS_PER_MS;
    bool slow = slow_ns && took_ns >= slow_ns;

    write_facts(span, outcome, slow);
    if (outcome->failed)
        failure(span, &outcome->error);

    if (outcome->attempt.number >= 2)
        retry_event(span, outcome);
    if (outcome->failed)
        client_span_exception(span, outcome->error.type, outcome->error.message, outcome->end_ns);
    if (slow) {
        span_event(span, EVENT_SLOW_QUERY_DETECTED, outcome->end_ns);
        span_integer(span, ATTRIBUTE_QUERY_DURATION_MS, (int64_t)(took_ns / NS_PER_MS));
        span_integer(span, ATTRIBUTE_QUERY_THRESHOLD_MS, mysql_settings.slow_ms);
    }
}
