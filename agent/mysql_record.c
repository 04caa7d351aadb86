// SPDX-License-Identifier: Apache-2.0
#include "agent/mysql_record.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/clock.h"
#include "agent/mysql_retry.h"
#include "agent/mysql_span.h"
#include "agent/sql_session.h"

#define NO_ROWS UINT64_MAX

struct slice mysql_call_text(const struct mysql_call *call)
{
    if (!call->text)
        return SLICE_NONE;
    size_t length = call->length;
    if (length == MYSQL_TERMINATED)
        length = strnlen(call->text, SQL_READ_BYTES + 1);
    return (struct slice){call->text, length};
}

static void ask_error(const struct mysql_call *call, struct mysql_error *error,
                      char message[MYSQL_MESSAGE_BYTES])
{
    const struct mysql_library *library = call->library;
    unsigned number =
        call->stmt ? library->stmt_error_number(call->stmt) : library->error_number(call->mysql);
    const char *text =
        call->stmt ? library->stmt_error_text(call->stmt) : library->error_text(call->mysql);
    const char *state =
        call->stmt ? library->stmt_sqlstate(call->stmt) : library->sqlstate(call->mysql);
    error->number = number;
    error->type = mysql_error_type(number, state);
    error->message = mysql_error_message(number, slice_of(text), message);
}

static uint64_t ask_rows(const struct mysql_call *call)
{
    const struct mysql_library *library = call->library;
    if (call->stmt)
        return library->stmt_columns(call->stmt) ? NO_ROWS
                                                 : library->stmt_affected_rows(call->stmt);
    return library->columns(call->mysql) ? NO_ROWS : library->affected_rows(call->mysql);
}

static bool changes_rows(const struct sql *sql)
{
    static const struct slice operations[] = {
        {"INSERT", 6}, {"UPDATE", 6}, {"DELETE", 6}, {"REPLACE", 7}};
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (slice_equal(sql->operation, operations[i]))
            return true;
    return false;
}

/* A deadlock's number only where the failure is one; the retry's own attempts count on. */
static void settle_retry(struct mysql_outcome *outcome, uint64_t hash)
{
    unsigned again =
        outcome->failed && mysql_error_retryable(outcome->error.number) ? outcome->error.number : 0;
    mysql_retry_note(hash, &outcome->attempt, again, outcome->end_ns);
}

/* The hash is needed only when something failed or is expected to come again. */
static void attempt(struct mysql_outcome *outcome, const struct mysql_call *call, uint64_t known)
{
    bool again = outcome->failed && mysql_error_retryable(outcome->error.number);
    if (!again && !mysql_retry_expected())
        return;
    uint64_t hash = known ? known : mysql_text_hash(mysql_call_text(call));
    outcome->attempt = mysql_retry_of(hash, outcome->start_ns);
    settle_retry(outcome, hash);
}

/* Connects and kin, which have a name but no text, and statements of that kind. */
static bool is_session(const struct mysql_outcome *outcome)
{
    if (agent.config.db_spans == DB_SPANS_ALL)
        return false;
    return outcome->sql ? sql_is_session(outcome->sql) : outcome->operation.at != NULL;
}

void mysql_record(struct mysql_call *call, struct mysql_handle *handle, bool failed,
                  const struct mysql_statement *kept, struct slice operation)
{
    uint64_t end_ns = clock_monotonic_ns();
    struct client_page *page = client_span_describe(&call->span, SPAN_SCOPE_MYSQL);
    if (!page) {
        call->span.begun = false;
        return;
    }
    struct sql sql;
    struct mysql_outcome outcome = {
        .handle = handle,
        .operation = operation,
        .failed = failed,
        .start_ns = call->span.start_ns,
        .end_ns = end_ns,
    };
    struct slice text = mysql_call_text(call);
    if (kept) {
        outcome.sql = &kept->sql;
    } else if (text.at) {
        sql_summarise(text, page->scratch + MYSQL_MESSAGE_BYTES,
                      sizeof page->scratch - MYSQL_MESSAGE_BYTES, &sql);
        outcome.sql = &sql;
    }
    if (failed) {
        ask_error(call, &outcome.error, page->scratch);
    } else if (outcome.sql) {
        outcome.affected_rows = ask_rows(call);
        outcome.writes = outcome.affected_rows != NO_ROWS && changes_rows(outcome.sql);
    }
    if (outcome.sql)
        attempt(&outcome, call, kept ? kept->hash : 0);
    if (handle && call->operation == MYSQL_OPERATION_NEXT_RESULT)
        outcome.summary = slice_of(handle->batch);

    /* The schema of a USE is that of the span that says so. */
    if (handle && !failed && outcome.sql && outcome.sql->use_schema.length)
        mysql_handle_use(handle, outcome.sql->use_schema);
    if (handle && outcome.sql && outcome.sql->statements >= 2) {
        struct slice summary = outcome.sql->summary;
        if (summary.length)
            memcpy(handle->batch, summary.at, summary.length);
        handle->batch[summary.length] = '\0';
    }
    mysql_span_describe(&page->span, &outcome);
    call->span.is_session = is_session(&outcome);
    client_span_end(&call->span, page, end_ns);
}

void mysql_record_pending(struct mysql_handle *handle)
{
    if (!handle->pending.begun)
        return;
    struct mysql_statement *kept = mysql_statement_of((void *)handle->handle.address);
    struct client_page *page = client_span_describe(&handle->pending, SPAN_SCOPE_MYSQL);
    if (page && kept) {
        struct mysql_outcome outcome = {
            .handle = handle,
            .sql = &kept->sql,
            .start_ns = handle->pending.start_ns,
            .end_ns = clock_monotonic_ns(),
        };
        mysql_span_describe(&page->span, &outcome);
        handle->pending.is_session = is_session(&outcome);
    }
    client_span_end(&handle->pending, page, clock_monotonic_ns());
    mysql_statement_drop((void *)handle->handle.address);
}
