// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/mysql_record.h"
#include "agent/observe_mysql.h"

/* How far below a call's frame the library's own calls of itself lie: no more than the stack of a
 * coroutine of the nonblocking API. A frame that lies elsewhere was left by a jump. */
#define NESTED_WITHIN_BYTES 65536

void observe_mysql_made(void *mysql)
{
    int saved = errno;
    if (mysql && agent_enter())
        mysql_handle_made(mysql);
    errno = saved;
}

/* True: a call that is to be looked at begins on that handle. */
static bool enter(struct mysql_call *call, const struct mysql_library *library, void *mysql,
                  enum mysql_operation operation)
{
    call->mysql = NULL;
    if (!mysql || !agent_enter())
        return false;
    struct mysql_handle *handle = mysql_handle_of(mysql);
    if (!handle) {
        client_span_lost();
        return false;
    }
    uintptr_t here = (uintptr_t)call;
    uintptr_t outer = atomic_load_explicit(&handle->frame, memory_order_relaxed);
    if (outer > here && outer - here < NESTED_WITHIN_BYTES)
        return false;
    atomic_store_explicit(&handle->frame, here, memory_order_relaxed);
    call->library = library;
    call->mysql = mysql;
    call->stmt = NULL;
    call->text = NULL;
    call->operation = operation;
    call->span.begun = false;
    return true;
}

void observe_mysql_query(struct mysql_call *call, const struct mysql_library *library, void *mysql,
                         enum mysql_operation operation, const char *text, size_t length)
{
    int saved = errno;
    if (enter(call, library, mysql, operation)) {
        struct mysql_handle *handle = mysql_handle_known(mysql);
        call->text = text;
        call->length = length;
        if (operation == MYSQL_OPERATION_READ_RESULT)
            call->span = handle->pending;
        else if (operation != MYSQL_OPERATION_NEXT_RESULT)
            mysql_record_pending(handle);
        if (operation != MYSQL_OPERATION_READ_RESULT)
            client_span_begin(&call->span);
    }
    errno = saved;
}

void observe_mysql_target(struct mysql_call *call, const struct mysql_library *library, void *mysql,
                          enum mysql_operation operation, struct mysql_target target)
{
    int saved = errno;
    if (enter(call, library, mysql, operation)) {
        call->target = target;
        if (operation == MYSQL_OPERATION_CONNECT)
            mysql_handle_aim(mysql_handle_known(mysql), &target);
        client_span_begin(&call->span);
    }
    errno = saved;
}

void observe_mysql_stmt_made(void *mysql, void *stmt)
{
    int saved = errno;
    if (mysql && stmt && agent_enter())
        mysql_statement_make(stmt, mysql);
    errno = saved;
}

void observe_mysql_stmt_closing(void *stmt)
{
    int saved = errno;
    if (stmt && agent_enter())
        mysql_statement_drop(stmt);
    errno = saved;
}

/* A statement outlives its connection, whose address may be another one's by now. */
static bool same_connection(const struct mysql_statement *statement)
{
    const struct mysql_handle *handle = mysql_handle_known(statement->mysql);
    return handle && handle->handle.generation == statement->generation;
}

void observe_mysql_stmt(struct mysql_call *call, const struct mysql_library *library, void *stmt,
                        enum mysql_operation operation, const char *text, size_t length)
{
    call->mysql = NULL;
    int saved = errno;
    struct mysql_statement *statement = stmt && agent_enter() ? mysql_statement_of(stmt) : NULL;
    if (statement && same_connection(statement) &&
        enter(call, library, statement->mysql, operation)) {
        call->stmt = stmt;
        call->text = text;
        call->length = length;
        client_span_begin(&call->span);
    }
    errno = saved;
}

void observe_mysql_closing(const struct mysql_library *library, void *mysql)
{
    (void)library;
    int saved = errno;
    struct mysql_handle *handle = mysql && agent_enter() ? mysql_handle_known(mysql) : NULL;
    if (handle) {
        mysql_record_pending(handle);
        mysql_handle_drop(mysql);
    }
    errno = saved;
}

/* A USE moves the connection also where its span is not recorded. Most statements show by their
 * first letter that they hold none. */
static void follow_use(struct mysql_handle *handle, struct slice text)
{
    struct slice start = slice_trim(text);
    if (!start.length || text.length > SQL_READ_BYTES)
        return;
    char first = slice_lower(start.at[0]);
    if (first != 'u' && first >= 'a' && first <= 'z' && slice_find(text, ';') == text.length)
        return;
    struct client_page *page = client_page_take(); /* the stack may be small */
    if (!page)
        return;
    struct sql sql;
    sql_summarise(text, page->scratch, sizeof page->scratch, &sql);
    if (sql.use_schema.length)
        mysql_handle_use(handle, sql.use_schema);
    client_page_give(page);
}

static void end_send(struct mysql_call *call, struct mysql_handle *handle, bool failed)
{
    struct mysql_statement *kept = failed ? NULL : mysql_statement_make(call->mysql, call->mysql);
    if (!kept) {
        mysql_record(call, handle, failed, NULL, SLICE_NONE);
        return;
    }
    mysql_statement_keep(kept, mysql_call_text(call));
    handle->pending = call->span;
}

static void end_read(struct mysql_call *call, struct mysql_handle *handle, bool failed)
{
    struct mysql_statement *kept = mysql_statement_of(call->mysql);
    handle->pending.begun = false;
    if (!kept)
        return;
    if (call->span.begun && call->span.recorded)
        mysql_record(call, handle, failed, kept, SLICE_NONE);
    else if (!failed && kept->sql.use_schema.length)
        mysql_handle_use(handle, kept->sql.use_schema);
    mysql_statement_drop(call->mysql);
}

static void end_target(struct mysql_call *call, struct mysql_handle *handle, bool failed)
{
    static const struct slice operations[] = {
        [MYSQL_OPERATION_CONNECT] = {"CONNECT", 7},
        [MYSQL_OPERATION_CHANGE_USER] = {"CHANGE USER", 11},
        [MYSQL_OPERATION_SELECT_DB] = {"USE", 3},
    };
    if (!failed && call->operation == MYSQL_OPERATION_CONNECT) {
        mysql_handle_connected(handle, call->library, call->mysql);
    } else if (!failed) {
        struct mysql_target changed = {.user = call->target.user, .schema = call->target.schema};
        mysql_handle_aim(handle, &changed);
    }
    mysql_record(call, handle, failed, NULL, operations[call->operation]);
}

static void end_prepare(struct mysql_call *call, struct mysql_handle *handle, bool failed)
{
    struct mysql_statement *statement = mysql_statement_of(call->stmt);
    if (failed)
        mysql_record(call, handle, true, NULL, SLICE_NONE);
    else if (statement)
        mysql_statement_keep(statement, mysql_call_text(call));
}

static void end_query(struct mysql_call *call, struct mysql_handle *handle, bool failed)
{
    if (call->span.recorded)
        mysql_record(call, handle, failed, NULL, SLICE_NONE);
    else if (!failed)
        follow_use(handle, mysql_call_text(call));
}

static void end(struct mysql_call *call, struct mysql_handle *handle, bool failed)
{
    switch (call->operation) {
    case MYSQL_OPERATION_QUERY:
        end_query(call, handle, failed);
        return;
    case MYSQL_OPERATION_CONNECT:
    case MYSQL_OPERATION_CHANGE_USER:
    case MYSQL_OPERATION_SELECT_DB:
        end_target(call, handle, failed);
        return;
    case MYSQL_OPERATION_SEND:
        end_send(call, handle, failed);
        return;
    case MYSQL_OPERATION_READ_RESULT:
        end_read(call, handle, failed);
        return;
    case MYSQL_OPERATION_NEXT_RESULT:
        if (failed)
            mysql_record(call, handle, true, NULL, SLICE_NONE);
        return;
    case MYSQL_OPERATION_PREPARE:
        end_prepare(call, handle, failed);
        return;
    case MYSQL_OPERATION_EXECUTE:
        mysql_record(call, handle, failed, mysql_statement_of(call->stmt), SLICE_NONE);
        return;
    }
}

void observe_mysql_end(struct mysql_call *call, bool failed)
{
    if (!call->mysql)
        return;
    int saved = errno;
    struct mysql_handle *handle = mysql_handle_known(call->mysql);
    /* Another frame: the handle was closed and made anew under this call. */
    if (handle && atomic_load_explicit(&handle->frame, memory_order_relaxed) == (uintptr_t)call) {
        atomic_store_explicit(&handle->frame, 0, memory_order_relaxed);
        end(call, handle, failed);
    }
    errno = saved;
}
