// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/libraries/mysql/mysql_record.h"
#include "agent/life/agent.h"
#include "agent/observe/observe_mysql.h"

/* How far below a call's frame the library's own calls of itself lie: no more than the stack of a
 * coroutine of the nonblocking API. A frame that lies elsewhere was left by a jump. */
#define NESTED_WITHIN_BYTES 65536

/* The last MYSQL made in the caller's frames. The library's own reconnect makes one in its,
 * connects that, closes the application's and copies the new one over it. */
static __thread void *tl_made_on_stack;

static bool lies_above(uintptr_t address, uintptr_t here)
{
    return address > here && address - here < NESTED_WITHIN_BYTES;
}

void observe_mysql_made(void *mysql)
{
    int saved = errno;
    if (mysql && agent_enter()) {
        mysql_handle_made(mysql);
        if (lies_above((uintptr_t)mysql, (uintptr_t)&saved))
            tl_made_on_stack = mysql;
    }
    errno = saved;
}

/* One that was made unseen. NULL: there is no room (counted). */
__attribute__((noinline)) static struct mysql_handle *
meet(const struct mysql_library *library, void *mysql, enum mysql_operation operation)
{
    struct mysql_handle *handle = mysql_handle_made(mysql);
    if (!handle)
        client_span_lost();
    else if (operation != MYSQL_OPERATION_CONNECT)
        mysql_handle_connected(handle, library, mysql);
    return handle;
}

/* Not NULL: a call that is to be looked at begins on that handle. */
static struct mysql_handle *enter(struct mysql_call *call, const struct mysql_library *library,
                                  void *mysql, enum mysql_operation operation)
{
    call->mysql = NULL;
    if (!mysql || !agent_enter())
        return NULL;
    struct mysql_handle *handle = mysql_handle_known(mysql);
    if (!handle)
        handle = meet(library, mysql, operation);
    if (!handle)
        return NULL;
    uintptr_t here = (uintptr_t)call;
    if (lies_above(atomic_load_explicit(&handle->frame, memory_order_relaxed), here))
        return NULL;
    mysql_record_overtaken(handle);
    atomic_store_explicit(&handle->frame, here, memory_order_relaxed);
    call->library = library;
    call->mysql = mysql;
    call->stmt = NULL;
    call->command = NULL;
    call->operation = operation;
    call->span.begun = false;
    return handle;
}

/* The text as the application gave it. */
static struct slice given(const char *text, size_t length)
{
    if (!text)
        return SLICE_NONE;
    if (length == MYSQL_TERMINATED)
        length = strnlen(text, SQL_READ_BYTES + 1);
    return (struct slice){text, length};
}

/* A USE moves the connection also where its span is not recorded. Most statements show by their
 * first letter that they hold none. */
static bool may_use(struct slice text)
{
    struct slice start = slice_trim(text);
    if (!start.length || text.length > SQL_READ_BYTES)
        return false;
    char first = slice_lower(start.at[0]);
    return first == 'u' || first < 'a' || first > 'z' || slice_find(text, ';') < text.length;
}

/* True: the call was made before, and was not ready. */
static bool resume(struct mysql_call *call, struct mysql_handle *handle)
{
    if (handle->waiting.begun && handle->waiting_for == call->operation) {
        call->span = handle->waiting;
        call->command = handle->waiting_command;
        handle->waiting.begun = false;
        return true;
    }
    mysql_record_abandoned(handle);
    return false;
}

void observe_mysql_not_ready(struct mysql_call *call)
{
    struct mysql_handle *handle = call->mysql ? mysql_handle_known(call->mysql) : NULL;
    if (!handle || atomic_load_explicit(&handle->frame, memory_order_relaxed) != (uintptr_t)call)
        return;
    atomic_store_explicit(&handle->frame, 0, memory_order_relaxed);
    handle->calling.begun = false;
    handle->waiting = call->span;
    handle->waiting.begun = true;
    handle->waiting_for = (uint8_t)call->operation;
    handle->waiting_command = call->command;
}

/* What tells of the call where it never returns: its frame may be gone by then. */
static void remember(const struct mysql_call *call, struct mysql_handle *handle)
{
    switch (call->operation) {
    case MYSQL_OPERATION_LATER:
    case MYSQL_OPERATION_PREPARE:     /* no span of its own, unless it fails */
    case MYSQL_OPERATION_READ_RESULT: /* that is pending */
        return;
    default:
        handle->calling = call->span;
        handle->calling_stmt = call->stmt;
        handle->calling_command = call->command;
    }
}

static void say(struct mysql_call *call, struct mysql_text *text, struct mysql_known_list *known,
                struct slice said)
{
    client_span_begin(&call->span);
    text->span = call->span;
    text->known = false;
    if (said.at && (call->span.recorded || may_use(said)))
        mysql_text_keep(text, known, said);
}

static void begin_query(struct mysql_call *call, struct mysql_handle *handle, struct slice said)
{
    switch (call->operation) {
    case MYSQL_OPERATION_READ_RESULT:
        call->span = handle->pending;
        return;
    case MYSQL_OPERATION_LATER:
        call->span.start_ns = clock_monotonic_ns();
        return;
    default:
        mysql_record_pending(handle);
        say(call, &handle->text, &handle->known, said);
        return;
    }
}

void observe_mysql_query(struct mysql_call *call, const struct mysql_library *library, void *mysql,
                         enum mysql_operation operation, const char *text, size_t length)
{
    int saved = errno;
    struct mysql_handle *handle = enter(call, library, mysql, operation);
    if (handle) {
        if (!resume(call, handle))
            begin_query(call, handle, given(text, length));
        remember(call, handle);
    }
    errno = saved;
}

void observe_mysql_command(struct mysql_call *call, const struct mysql_library *library,
                           void *mysql, const char *name)
{
    int saved = errno;
    struct mysql_handle *handle = enter(call, library, mysql, MYSQL_OPERATION_COMMAND);
    if (handle) {
        if (!resume(call, handle)) {
            call->command = name;
            client_span_begin(&call->span);
        }
        remember(call, handle);
    }
    errno = saved;
}

void observe_mysql_target(struct mysql_call *call, const struct mysql_library *library, void *mysql,
                          enum mysql_operation operation, struct mysql_target target)
{
    static const char *const commands[] = {
        [MYSQL_OPERATION_CONNECT] = "CONNECT",
        [MYSQL_OPERATION_CHANGE_USER] = "CHANGE USER",
        [MYSQL_OPERATION_SELECT_DB] = "USE",
    };
    int saved = errno;
    struct mysql_handle *handle = enter(call, library, mysql, operation);
    if (handle) {
        if (!resume(call, handle)) {
            if (operation == MYSQL_OPERATION_CONNECT)
                mysql_handle_aim(handle, &target);
            else
                mysql_handle_aim_next(handle, &target);
            call->command = commands[operation];
            client_span_begin(&call->span);
        }
        remember(call, handle);
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

static void begin_stmt(struct mysql_call *call, struct mysql_handle *handle,
                       struct mysql_statement *statement, struct slice said)
{
    if (call->operation == MYSQL_OPERATION_LATER) {
        call->span.start_ns = clock_monotonic_ns();
        return;
    }
    /* Whoever asks the connection for further results gets this statement's. */
    handle->text.span.begun = false;
    if (said.at) {
        say(call, &statement->text, NULL, said);
        return;
    }
    client_span_begin(&call->span);
    statement->text.span = call->span;
}

void observe_mysql_stmt(struct mysql_call *call, const struct mysql_library *library, void *stmt,
                        enum mysql_operation operation, const char *text, size_t length)
{
    call->mysql = NULL;
    int saved = errno;
    struct mysql_statement *statement = stmt && agent_enter() ? mysql_statement_of(stmt) : NULL;
    struct mysql_handle *handle = NULL;
    if (statement && same_connection(statement))
        handle = enter(call, library, statement->mysql, operation);
    if (handle) {
        call->stmt = stmt;
        begin_stmt(call, handle, statement, given(text, length));
        remember(call, handle);
    }
    errno = saved;
}

/* Within a call on the same handle it is the library that reconnects: the handle stays, and so do
 * its statements. If a call was jumped out of instead, a handle is remembered that is gone, until
 * another comes to lie there. */
static void close_handle(struct mysql_handle *handle, void *mysql, uintptr_t here)
{
    uintptr_t outer = atomic_load_explicit(&handle->frame, memory_order_relaxed);
    if (!lies_above(outer, here)) {
        mysql_record_pending(handle);
        mysql_record_abandoned(handle);
        mysql_record_left(handle);
        mysql_handle_drop(mysql);
        return;
    }
    handle->reconnected = true;
    if ((uintptr_t)tl_made_on_stack > here && (uintptr_t)tl_made_on_stack < outer)
        mysql_handle_drop(tl_made_on_stack);
    tl_made_on_stack = NULL;
}

void observe_mysql_closing(const struct mysql_library *library, void *mysql)
{
    (void)library;
    int saved = errno;
    struct mysql_handle *handle = mysql && agent_enter() ? mysql_handle_known(mysql) : NULL;
    if (handle)
        close_handle(handle, mysql, (uintptr_t)&saved);
    errno = saved;
}

static void end_read(struct mysql_call *call, struct mysql_handle *handle, bool failed)
{
    handle->pending.begun = false;
    if (call->span.begun)
        mysql_record(call, handle, failed, &handle->text);
}

static void end_target(struct mysql_call *call, struct mysql_handle *handle, bool failed)
{
    if (!failed && call->operation == MYSQL_OPERATION_CONNECT)
        mysql_handle_connected(handle, call->library, call->mysql);
    else if (!failed)
        mysql_handle_moved(handle);
    mysql_record(call, handle, failed, NULL);
}

static void end(struct mysql_call *call, struct mysql_handle *handle, bool failed)
{
    struct mysql_statement *statement = call->stmt ? mysql_statement_of(call->stmt) : NULL;
    struct mysql_text *text = statement ? &statement->text : call->stmt ? NULL : &handle->text;
    switch (call->operation) {
    case MYSQL_OPERATION_QUERY:
    case MYSQL_OPERATION_EXECUTE:
        mysql_record(call, handle, failed, text);
        return;
    case MYSQL_OPERATION_CONNECT:
    case MYSQL_OPERATION_CHANGE_USER:
    case MYSQL_OPERATION_SELECT_DB:
        end_target(call, handle, failed);
        return;
    case MYSQL_OPERATION_SEND:
        if (failed)
            mysql_record(call, handle, true, text);
        else
            handle->pending = call->span;
        return;
    case MYSQL_OPERATION_READ_RESULT:
        end_read(call, handle, failed);
        return;
    case MYSQL_OPERATION_LATER:
        if (failed && text && text->span.begun) {
            client_span_follow(&call->span, &text->span, call->span.start_ns);
            mysql_record(call, handle, true, text);
        }
        return;
    case MYSQL_OPERATION_PREPARE:
        if (failed)
            mysql_record(call, handle, true, text);
        else
            client_span_forget(&call->span);
        return;
    case MYSQL_OPERATION_COMMAND:
        mysql_record(call, handle, failed, NULL);
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
        handle->calling.begun = false;
        if (handle->reconnected) /* perhaps to another server */
            mysql_handle_connected(handle, call->library, call->mysql);
        handle->reconnected = false;
        end(call, handle, failed);
    }
    errno = saved;
}
