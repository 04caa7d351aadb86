// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "agent/base/clock.h"
#include "agent/base/curl_abi.h"
#include "agent/libraries/curl/curl_span.h"
#include "agent/life/agent.h"
#include "agent/observe/observe_curl.h"
#include "agent/work/with_sdk.h"

/* How far below curl_easy_perform()'s frame its own calls of the multi functions lie. What lies
 * elsewhere was left by a jump out of a callback. */
#define NESTED_WITHIN_BYTES 65536

/* Is this a call that libcurl makes for its own curl_easy_perform() of that handle? */
static bool is_nested(const struct curl_handle *handle, uintptr_t here)
{
    uintptr_t outer = atomic_load_explicit(&handle->frame, memory_order_relaxed);
    return outer > here && outer - here < NESTED_WITHIN_BYTES;
}

void observe_curl_made(const struct curl_functions *library, void *curl)
{
    int saved = errno;
    if (curl && agent_enter())
        curl_handle_made(library, curl);
    errno = saved;
}

void observe_curl_copied(const struct curl_functions *library, void *from, void *curl)
{
    int saved = errno;
    const struct curl_handle *source = curl && agent_enter() ? curl_handle_known(from) : NULL;
    struct curl_handle *copy = source ? curl_handle_made(library, curl) : NULL;
    if (copy)
        curl_handle_copy(copy, source);
    /* The list of a transfer under way is not the copy's to have. */
    if (source && source->transfer && source->transfer->is_injected)
        library->set(curl, CURL_OPTION_HTTPHEADER, (uintptr_t)source->headers);
    errno = saved;
}

void observe_curl_reset(void *curl)
{
    int saved = errno;
    struct curl_handle *handle = curl && agent_enter() ? curl_handle_known(curl) : NULL;
    if (handle) {
        if (handle->transfer)
            handle->transfer->is_injected = false;
        curl_handle_reset(handle);
    }
    errno = saved;
}

static bool is_remembered(int option)
{
    switch (option) {
    case CURL_OPTION_NOBODY:
    case CURL_OPTION_UPLOAD:
    case CURL_OPTION_POST:
    case CURL_OPTION_PUT:
    case CURL_OPTION_HTTPGET:
    case CURL_OPTION_CONNECT_ONLY:
    case CURL_OPTION_HEADEROPT:
    case CURL_OPTION_URL:
    case CURL_OPTION_POSTFIELDS:
    case CURL_OPTION_HTTPHEADER:
    case CURL_OPTION_HTTPPOST:
    case CURL_OPTION_CUSTOMREQUEST:
    case CURL_OPTION_COPYPOSTFIELDS:
    case CURL_OPTION_MIMEPOST:
    case CURL_OPTION_CURLU:
    case CURL_OPTION_AWS_SIGV4:
        return true;
    default:
        return false;
    }
}

void observe_curl_option(void *curl, int option, uintptr_t value, int code)
{
    if (code != 0 || !is_remembered(option))
        return;
    int saved = errno;
    struct curl_handle *handle = curl && agent_enter() ? curl_handle_known(curl) : NULL;
    if (handle) {
        curl_handle_option(handle, option, value);
        /* In the middle of a transfer: the application's own list is in force now. */
        if (option == CURL_OPTION_HTTPHEADER && handle->transfer)
            handle->transfer->is_injected = false;
    }
    errno = saved;
}

/* Ends the handle's transfer with a span, unless it was no HTTP after all. */
static void finish(struct curl_handle *handle, int code, uint64_t end_ns)
{
    struct curl_transfer *transfer = handle->transfer;
    curl_transfer_restore(transfer, handle);
    handle->transfer = NULL;
    if (curl_span_is_http(transfer, handle)) {
        struct client_page *page = client_span_describe(&transfer->span, SPAN_SCOPE_CURL);
        if (page)
            curl_span_describe(page, transfer, handle, code, end_ns);
        client_span_end(&transfer->span, page, end_ns);
    } else {
        client_span_forget(&transfer->span);
    }
    curl_transfer_give(transfer);
}

/* Of a multi's: the transfer may be over for long. It began with the multi's turn and lasted as
 * long as the library says, unless it is taken out while it goes on. */
static void finish_multi(struct curl_handle *handle, int code, uint64_t begun_ns)
{
    struct client_span *span = &handle->transfer->span;
    uint64_t end_ns = clock_monotonic_ns();
    bool is_over = code != CURL_CODE_CANCELLED && code != CURL_CODE_NOT_BEGUN;
    uint64_t took_ns = is_over ? curl_span_took_ns(handle) : 0;
    if (begun_ns > span->start_ns)
        span->start_ns = begun_ns;
    if (took_ns && took_ns < end_ns - span->start_ns)
        end_ns = span->start_ns + took_ns;
    finish(handle, code, end_ns);
}

/* Nobody has read how the handle's transfer ended, nor will. */
static void take_out(struct curl_handle *handle)
{
    struct curl_transfer *transfer = handle->transfer;
    uint64_t begun_ns = curl_multi_begun_ns(&handle->in);
    enum curl_state state = curl_multi_state(&handle->in);
    int code = transfer && transfer->is_multi ? curl_span_code(transfer, handle, state)
                                              : CURL_CODE_CANCELLED;
    if (state == CURL_STATE_UNKNOWN && code == 0)
        state = CURL_STATE_ENDED;
    curl_multi_leave(&handle->in, state);
    if (!transfer)
        return;
    if (!client_span_is_ours(&transfer->span))
        transfer->span.recorded = false; /* a forked child takes out its copy */
    finish_multi(handle, code, begun_ns);
}

static void begin(struct curl_handle *handle)
{
    /* Left over where a callback jumped out of the library, or a multi was thrown away. */
    take_out(handle);
    if (!curl_handle_speaks_http(handle))
        return;
    enum telemetry telemetry = curl_handle_telemetry(handle);
    if (telemetry) {
        with_sdk_telemetry_goes(telemetry);
        return;
    }
    struct curl_transfer *transfer = curl_transfer_take(handle);
    if (!transfer) {
        client_span_lost();
        return;
    }
    client_span_begin(&transfer->span);
    if (transfer->span.recorded)
        curl_span_recognise(transfer, handle);
    curl_transfer_inject(transfer, handle);
    handle->transfer = transfer;
}

void observe_curl_performing(struct curl_call *call, void *curl)
{
    int saved = errno;
    struct curl_handle *handle = curl && agent_enter() ? curl_handle_known(curl) : NULL;
    call->curl = handle ? curl : NULL;
    library_enter(&call->library);
    if (handle) {
        begin(handle);
        atomic_store_explicit(&handle->frame, (uintptr_t)call, memory_order_relaxed);
    }
    errno = saved;
}

void observe_curl_performed(struct curl_call *call, int code)
{
    library_leave(&call->library);
    if (!call->curl)
        return;
    int saved = errno;
    struct curl_handle *handle = curl_handle_known(call->curl);
    if (handle && atomic_load_explicit(&handle->frame, memory_order_relaxed) == (uintptr_t)call) {
        atomic_store_explicit(&handle->frame, 0, memory_order_relaxed);
        if (handle->transfer)
            finish(handle, code, clock_monotonic_ns());
    }
    errno = saved;
}

void observe_curl_multi_made(void *multi)
{
    int saved = errno;
    if (multi && agent_enter())
        curl_multi_made(multi);
    errno = saved;
}

void observe_curl_multi_closing(void *multi)
{
    int saved = errno;
    if (multi && agent_enter())
        curl_multi_drop(multi);
    errno = saved;
}

void observe_curl_driving(struct library_call *call, void *multi)
{
    int saved = errno;
    library_enter(call);
    if (multi && agent_enter())
        curl_multi_turn(multi);
    errno = saved;
}

void observe_curl_driven(const struct library_call *call, void *multi, const int *running, int code)
{
    int saved = errno;
    library_leave(call);
    if (multi && running && code == 0 && agent_enter())
        curl_multi_turned(multi, *running);
    errno = saved;
}

void observe_curl_added(void *multi, void *curl, int code)
{
    int saved = errno;
    bool known = code == 0 && agent_enter();
    struct curl_handle *handle = known ? curl_handle_known(curl) : NULL;
    if (known && !handle)
        curl_multi_join(multi, NULL);
    if (handle && !is_nested(handle, (uintptr_t)&saved)) {
        begin(handle);
        if (handle->transfer)
            handle->transfer->is_multi = true;
        curl_multi_join(multi, &handle->in);
    }
    errno = saved;
}

void observe_curl_message(const void *message)
{
    const struct curl_message *done = message;
    if (!done || done->kind != CURL_MESSAGE_DONE)
        return;
    int saved = errno;
    struct curl_handle *handle = done->curl && agent_enter() ? curl_handle_known(done->curl) : NULL;
    if (handle && !is_nested(handle, (uintptr_t)&saved)) {
        uint64_t begun_ns = curl_multi_begun_ns(&handle->in);
        curl_multi_read(&handle->in);
        if (handle->transfer)
            finish_multi(handle, done->data.code, begun_ns);
    }
    errno = saved;
}

void observe_curl_removing(void *curl)
{
    int saved = errno;
    struct curl_handle *handle = curl && agent_enter() ? curl_handle_known(curl) : NULL;
    /* An application may count running transfers instead of reading messages. */
    if (handle && !is_nested(handle, (uintptr_t)&saved))
        take_out(handle);
    errno = saved;
}

void observe_curl_closing(void *curl)
{
    int saved = errno;
    struct curl_handle *handle = curl && agent_enter() ? curl_handle_known(curl) : NULL;
    if (handle) {
        take_out(handle);
        curl_handle_drop(curl);
    }
    errno = saved;
}
