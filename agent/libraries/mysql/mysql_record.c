// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/mysql/mysql_record.h"

#include <string.h>

#include "agent/base/clock.h"
#include "agent/libraries/mysql/mysql_retry.h"
#include "agent/libraries/mysql/mysql_span.h"
#include "agent/sql/sql_session.h"
#include "agent/sql/sql_word.h"
#include "agent/text/redact_shape.h"

#define NO_ROWS UINT64_MAX

/* By their shape: who raises an error in SQL writes the message. It lies in the page's memory. */
__attribute__((noinline)) static void hide_secrets(struct slice *message, struct client_page *page)
{
    if (redact_shape_find(*message, 0, message->length).to == 0)
        return;
    message->length = redact_shape_blot(page->scratch, message->length, MYSQL_MESSAGE_BYTES);
    span_masked(&page->span);
}

static void ask_error(const struct mysql_call *call, struct mysql_error *error,
                      struct client_page *page)
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
    error->message = mysql_error_message(number, slice_of(text), page->scratch);
    hide_secrets(&error->message, page);
}

static uint64_t ask_rows(const struct mysql_call *call)
{
    const struct mysql_library *library = call->library;
    if (call->stmt)
        return library->stmt_columns(call->stmt) ? NO_ROWS
                                                 : library->stmt_affected_rows(call->stmt);
    return library->columns(call->mysql) ? NO_ROWS : library->affected_rows(call->mysql);
}

/* By its address, because an operation is a row of that table. */
static bool changes_rows(const struct sql *sql)
{
    const char *operation = sql->operation.at;
    return operation == sql_word_text(SQL_INSERT).at || operation == sql_word_text(SQL_UPDATE).at ||
           operation == sql_word_text(SQL_DELETE).at || operation == sql_word_text(SQL_REPLACE).at;
}

/* A deadlock's number only where the failure is one; the retry's own attempts count on. */
static void settle_retry(struct mysql_outcome *outcome, uint64_t hash)
{
    unsigned again =
        outcome->failed && mysql_error_retryable(outcome->error.number) ? outcome->error.number : 0;
    mysql_retry_note(hash, &outcome->attempt, again, outcome->end_ns);
}

static void attempt(struct mysql_outcome *outcome, uint64_t hash)
{
    bool again = outcome->failed && mysql_error_retryable(outcome->error.number);
    if (!again && !mysql_retry_expected())
        return;
    outcome->attempt = mysql_retry_of(hash, outcome->start_ns);
    settle_retry(outcome, hash);
}

/* Connects and kin, which have a name but no text, and statements of that kind. */
static bool is_session(const struct mysql_outcome *outcome)
{
    if (mysql_settings.has_sessions)
        return false;
    if (outcome->sql)
        return !outcome->is_plain && sql_is_session(outcome->sql);
    return outcome->operation.at != NULL;
}

/* The schema of a USE is that of the span that says so. */
static void follow_use(struct mysql_handle *handle, const struct mysql_text *text, bool failed)
{
    if (!failed && text && text->known && text->sql.use_schema.length)
        mysql_handle_use(handle, text->sql.use_schema);
}

void mysql_record(struct mysql_call *call, struct mysql_handle *handle, bool failed,
                  const struct mysql_text *text)
{
    uint64_t end_ns = clock_monotonic_ns();
    follow_use(handle, text, failed);
    struct client_page *page = client_span_describe(&call->span, SPAN_SCOPE_MYSQL);
    if (!page) {
        client_span_end(&call->span, NULL, end_ns);
        return;
    }
    struct mysql_outcome outcome = {
        .handle = handle,
        .place = mysql_handle_place(handle),
        .sql = text && text->known ? &text->sql : NULL,
        .is_plain = text && text->known && text->is_plain,
        .masked = text && text->known && text->masked,
        .operation = call->command ? slice_of(call->command) : SLICE_NONE,
        .failed = failed,
        .start_ns = call->span.start_ns,
        .end_ns = end_ns,
    };
    if (failed) {
        ask_error(call, &outcome.error, page);
        if (outcome.masked) /* it may tell the same names, in other pieces */
            outcome.error.message = SLICE_LITERAL("REDACTED");
    } else if (outcome.sql && changes_rows(outcome.sql)) {
        outcome.affected_rows = ask_rows(call);
        outcome.writes = outcome.affected_rows != NO_ROWS;
    }
    if (outcome.sql)
        attempt(&outcome, text->hash);
    mysql_span_describe(&page->span, &outcome);
    call->span.is_session = is_session(&outcome);
    client_span_end(&call->span, page, end_ns);
}

/* A call that has not ended: its text, or NULL where it has a name. */
static struct mysql_outcome unfinished(const struct mysql_handle *handle, const char *command,
                                       const struct mysql_text *text)
{
    bool known = !command && text && text->known;
    return (struct mysql_outcome){
        .handle = handle,
        .sql = known ? &text->sql : NULL,
        .is_plain = known && text->is_plain,
        .masked = known && text->masked,
        .operation = command ? slice_of(command) : SLICE_NONE,
    };
}

static void record_unfinished(struct mysql_handle *handle, struct client_span *client,
                              const char *command, const struct mysql_text *text)
{
    if (!client_span_is_ours(client)) {
        client_span_forget(client); /* a forked child closes its copy */
        return;
    }
    struct client_page *page = client_span_describe(client, SPAN_SCOPE_MYSQL);
    uint64_t end_ns = clock_monotonic_ns();
    if (page) {
        struct mysql_outcome outcome = unfinished(handle, command, text);
        outcome.place = mysql_handle_place(handle);
        outcome.start_ns = client->start_ns;
        outcome.end_ns = end_ns;
        mysql_span_describe(&page->span, &outcome);
        client->is_session = is_session(&outcome);
    }
    client_span_end(client, page, end_ns);
}

void mysql_record_pending(struct mysql_handle *handle)
{
    if (handle->pending.begun)
        record_unfinished(handle, &handle->pending, NULL, &handle->text);
}

void mysql_record_abandoned(struct mysql_handle *handle)
{
    if (!handle->waiting.begun)
        return;
    if (handle->waiting_for == MYSQL_OPERATION_LATER)
        handle->waiting.begun = false; /* no span of its own */
    else
        record_unfinished(handle, &handle->waiting, handle->waiting_command, &handle->text);
}

static const struct mysql_text *text_of_call(const struct mysql_handle *handle)
{
    if (!handle->calling_stmt)
        return &handle->text;
    const struct mysql_statement *statement = mysql_statement_of(handle->calling_stmt);
    return statement ? &statement->text : NULL;
}

void mysql_record_left(struct mysql_handle *handle)
{
    if (handle->calling.begun)
        record_unfinished(handle, &handle->calling, handle->calling_command, text_of_call(handle));
}

/* The process ends, or the caller has jumped out: there is no time, or none that is known. */
static void abandon(const struct mysql_handle *handle, struct client_span *client,
                    const char *command, const struct mysql_text *text)
{
    struct mysql_outcome outcome = unfinished(handle, command, text);
    client->is_session = is_session(&outcome);
    client_span_over(client, CLIENT_ABANDONED, NULL, 0);
}

__attribute__((noinline)) static void abandon_call(const struct mysql_handle *handle,
                                                   struct client_span *calling)
{
    abandon(handle, calling, handle->calling_command, text_of_call(handle));
}

void mysql_record_overtaken(struct mysql_handle *handle)
{
    if (handle->calling.begun)
        abandon_call(handle, &handle->calling);
}

/* Copies, because who is at work on them may still end them. */
static void count_open_calls(const void *object)
{
    const struct mysql_handle *handle = object;
    struct client_span calling = handle->calling;
    struct client_span pending = handle->pending;
    struct client_span waiting = handle->waiting;
    if (calling.begun)
        abandon_call(handle, &calling);
    if (pending.begun)
        abandon(handle, &pending, NULL, &handle->text);
    if (waiting.begun && handle->waiting_for != MYSQL_OPERATION_LATER)
        abandon(handle, &waiting, handle->waiting_command, &handle->text);
}

void mysql_record_open_calls(void)
{
    mysql_handle_each(count_open_calls);
}
