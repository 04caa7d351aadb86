// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/curl/curl_span.h"

#include <errno.h>

#include "agent/base/curl_abi.h"
#include "agent/base/url.h"
#include "agent/describe/method.h"
#include "agent/text/redact.h"

static const struct {
    int code;
    struct slice type;
} code_types[] = {
#define CODE(code, type) {code, {type, sizeof(type) - 1}},
#include "agent/libraries/curl/curl_errors.def"
#undef CODE
};

static const struct {
    int number;
    struct slice name;
} os_errors[] = {
    {ECONNREFUSED, {"ECONNREFUSED", 12}},
    {ECONNRESET, {"ECONNRESET", 10}},
    {ETIMEDOUT, {"ETIMEDOUT", 9}},
    {EHOSTUNREACH, {"EHOSTUNREACH", 12}},
    {ENETUNREACH, {"ENETUNREACH", 11}},
    {EADDRNOTAVAIL, {"EADDRNOTAVAIL", 13}},
    {EACCES, {"EACCES", 6}},
    {ENOENT, {"ENOENT", 6}},
};

struct slice curl_error_type(int code, int os_error)
{
    if (code == CURL_CODE_CANCELLED || code == CURL_CODE_NOT_BEGUN)
        return SLICE_LITERAL("cancelled");
    if (code == CURL_NO_CONNECTION)
        for (size_t i = 0; i < sizeof os_errors / sizeof *os_errors; i++)
            if (os_errors[i].number == os_error)
                return os_errors[i].name;
    for (size_t i = 0; i < sizeof code_types / sizeof *code_types; i++)
        if (code_types[i].code == code)
            return code_types[i].type;
    return SLICE_LITERAL("_OTHER");
}

static long ask_long(const struct curl_handle *handle, int info)
{
    long answer = 0;
    return handle->library->get((void *)handle->handle.address, info, &answer) == 0 ? answer : 0;
}

static int64_t ask_offset(const struct curl_handle *handle, int info)
{
    int64_t answer = 0;
    return handle->library->get((void *)handle->handle.address, info, &answer) == 0 ? answer : 0;
}

static struct slice ask_text(const struct curl_handle *handle, int info)
{
    const char *answer = NULL;
    if (handle->library->get((void *)handle->handle.address, info, &answer) != 0)
        return SLICE_NONE;
    return slice_of(answer);
}

bool curl_span_is_http(const struct curl_transfer *transfer, const struct curl_handle *handle)
{
    if (!transfer->url[0] && !ask_text(handle, CURL_INFO_EFFECTIVE_URL).length)
        return false;
    struct slice scheme = ask_text(handle, CURL_INFO_SCHEME);
    return !scheme.length || slice_equal_nocase(scheme, SLICE_LITERAL("http")) ||
           slice_equal_nocase(scheme, SLICE_LITERAL("https"));
}

/* Of a body that has not come whole, as far as its length was announced. */
static bool is_short(const struct curl_transfer *transfer, const struct curl_handle *handle)
{
    if (handle->method == CURL_METHOD_HEAD ||
        slice_equal(slice_of(transfer->method), SLICE_LITERAL("HEAD")))
        return false;
    return ask_offset(handle, CURL_INFO_SIZE_DOWNLOAD_T) <
           ask_offset(handle, CURL_INFO_CONTENT_LENGTH_DOWNLOAD_T);
}

int curl_span_code(const struct curl_transfer *transfer, const struct curl_handle *handle,
                   enum curl_state state)
{
    if (state == CURL_STATE_NOT_BEGUN)
        return CURL_CODE_NOT_BEGUN;
    if (state == CURL_STATE_RUNNING)
        return CURL_CODE_CANCELLED;
    long status = ask_long(handle, CURL_INFO_RESPONSE_CODE);
    /* CURLOPT_FAILONERROR leaves the body; the status says enough. */
    if (status >= 400 || (status && !is_short(transfer, handle)))
        return 0;
    bool connected = ask_offset(handle, CURL_INFO_CONNECT_TIME_T) > 0;
    /* While it tries a second address, the first one's error is there, too. */
    if (state == CURL_STATE_ENDED && !status && !connected && ask_long(handle, CURL_INFO_OS_ERRNO))
        return CURL_NO_CONNECTION;
    return CURL_CODE_UNKNOWN;
}

uint64_t curl_span_took_ns(const struct curl_handle *handle)
{
    void *curl = (void *)handle->handle.address;
    int64_t micros = ask_offset(handle, CURL_INFO_TOTAL_TIME_T);
    double seconds = 0; /* before libcurl 7.61 */
    if (micros <= 0 && handle->library->get(curl, CURL_INFO_TOTAL_TIME, &seconds) == 0)
        micros = (int64_t)(seconds * 1e6);
    return micros > 0 ? (uint64_t)micros * 1000 : 0;
}

/* Not inlined: the library's functions are looked for at their first call, which goes deep, and
 * have not to lie below this frame. */
__attribute__((noinline)) static void target(struct client_page *page,
                                             const struct curl_transfer *transfer,
                                             const struct curl_handle *handle)
{
    /* Without a scheme, or made of pieces, a URL is complete only in the library's words, which
     * are those of the last request. */
    struct slice text = slice_of(transfer->url);
    struct url url;
    if (!url_split(text, &url))
        text = ask_text(handle, CURL_INFO_EFFECTIVE_URL);
    if (!text.length)
        return;
    span_shown(&page->span, ATTRIBUTE_URL_FULL, text,
               redact_url(&redact_of_process, text, page->scratch, sizeof page->scratch));
    if (!url_split(text, &url))
        return;
    client_span_string(page, ATTRIBUTE_PEER_SERVER_ADDRESS, span_short(url.host));
    if (url.port)
        span_integer(&page->span, ATTRIBUTE_PEER_SERVER_PORT, url.port);
}

static struct slice version_name(long version)
{
    switch (version) {
    case 1:
        return SLICE_LITERAL("1.0");
    case 2:
        return SLICE_LITERAL("1.1");
    case 3:
        return SLICE_LITERAL("2");
    case 30:
        return SLICE_LITERAL("3");
    default:
        return SLICE_NONE;
    }
}

static void connection(struct span *span, const struct curl_handle *handle)
{
    struct slice address = ask_text(handle, CURL_INFO_PRIMARY_IP);
    if (address.length) {
        span_string(span, ATTRIBUTE_NETWORK_PEER_ADDRESS, address);
        span_integer(span, ATTRIBUTE_NETWORK_PEER_PORT, ask_long(handle, CURL_INFO_PRIMARY_PORT));
    }
    span_string(span, ATTRIBUTE_NETWORK_PROTOCOL_VERSION,
                version_name(ask_long(handle, CURL_INFO_HTTP_VERSION)));
}

static void sizes(struct span *span, const struct curl_transfer *transfer,
                  const struct curl_handle *handle, long status)
{
    int64_t sent = ask_offset(handle, CURL_INFO_SIZE_UPLOAD_T);
    int64_t received = ask_offset(handle, CURL_INFO_SIZE_DOWNLOAD_T);
    if (sent)
        span_integer(span, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE, sent);
    if (status)
        span_integer(span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE, received);
    if (!transfer->is_s3)
        return;
    if (slice_equal(transfer->s3.operation, SLICE_LITERAL("PutObject")) ||
        slice_equal(transfer->s3.operation, SLICE_LITERAL("UploadPart")))
        span_integer(span, ATTRIBUTE_AWS_S3_OBJECT_SIZE, sent);
    else if (slice_equal(transfer->s3.operation, SLICE_LITERAL("GetObject")) && status == 200)
        span_integer(span, ATTRIBUTE_AWS_S3_OBJECT_SIZE, received);
}

static struct slice response_header(const struct curl_handle *handle, const char *name)
{
    struct curl_response_header *header = NULL;
    if (handle->library->header((void *)handle->handle.address, name, &header) != 0 || !header)
        return SLICE_NONE;
    return slice_of(header->value);
}

static void s3(struct client_page *page, const struct curl_transfer *transfer,
               const struct curl_handle *handle)
{
    const struct s3_call *call = &transfer->s3;
    struct span *span = &page->span;
    span_string(span, ATTRIBUTE_RPC_SYSTEM, SLICE_LITERAL("aws-api"));
    span_string(span, ATTRIBUTE_RPC_SERVICE, SLICE_LITERAL("aws.s3"));
    span_string(span, ATTRIBUTE_RPC_METHOD, call->operation);
    client_span_string(page, ATTRIBUTE_AWS_S3_BUCKET, call->bucket);
    client_span_string(page, ATTRIBUTE_AWS_S3_KEY, call->key);
    client_span_string(page, ATTRIBUTE_AWS_S3_UPLOAD_ID, call->upload_id);
    client_span_string(page, ATTRIBUTE_AWS_S3_COPY_SOURCE, call->copy_source);
    span_string(span, ATTRIBUTE_CLOUD_REGION, call->region);
    if (call->part_number)
        span_integer(span, ATTRIBUTE_AWS_S3_PART_NUMBER, call->part_number);
    span_string(span, ATTRIBUTE_AWS_REQUEST_ID, response_header(handle, "x-amz-request-id"));
    span_string(span, ATTRIBUTE_AWS_EXTENDED_REQUEST_ID, response_header(handle, "x-amz-id-2"));
}

/* An event at `info` microseconds after the transfer's start, where the library knows. */
static void timing(struct span *span, enum event event, const struct curl_handle *handle, int info,
                   uint64_t end_ns)
{
    int64_t after_us = ask_offset(handle, info);
    if (after_us <= 0)
        return;
    uint64_t at_ns = span->record->start_ns + (uint64_t)after_us * 1000;
    span_event(span, event, at_ns < end_ns ? at_ns : end_ns);
}

static void timings(struct span *span, const struct curl_handle *handle, uint64_t end_ns)
{
    if (ask_long(handle, CURL_INFO_NUM_CONNECTS) > 0) {
        timing(span, EVENT_DNS_DONE, handle, CURL_INFO_NAMELOOKUP_TIME_T, end_ns);
        timing(span, EVENT_CONNECT_DONE, handle, CURL_INFO_CONNECT_TIME_T, end_ns);
        timing(span, EVENT_TLS_DONE, handle, CURL_INFO_APPCONNECT_TIME_T, end_ns);
    }
    timing(span, EVENT_FIRST_BYTE, handle, CURL_INFO_STARTTRANSFER_TIME_T, end_ns);
}

/* The library would still speak of the transfer before. */
static void describe_not_begun(struct client_page *page, const struct curl_transfer *transfer,
                               const struct curl_handle *handle)
{
    span_name(&page->span, method_describe(&page->span, slice_of(transfer->method)));
    target(page, transfer, handle);
    client_span_error(&page->span, curl_error_type(CURL_CODE_NOT_BEGUN, 0), SLICE_NONE);
}

void curl_span_describe(struct client_page *page, const struct curl_transfer *transfer,
                        const struct curl_handle *handle, int code, uint64_t end_ns)
{
    if (code == CURL_CODE_NOT_BEGUN) {
        describe_not_begun(page, transfer, handle);
        return;
    }
    struct span *span = &page->span;
    long status = ask_long(handle, CURL_INFO_RESPONSE_CODE);
    long redirects = ask_long(handle, CURL_INFO_REDIRECT_COUNT);
    /* CURLOPT_FAILONERROR makes a failure of a status. */
    bool failed = code && (code != CURL_HTTP_ERROR || status < 400);
    char digits[CLIENT_DECIMAL_BYTES];
    struct slice type = SLICE_NONE;
    struct slice message = SLICE_NONE;

    struct slice name = method_describe(span, slice_of(transfer->method));
    if (transfer->is_s3)
        span_joined_name(span, (struct slice[]){SLICE_LITERAL("S3."), transfer->s3.operation}, 2);
    else
        span_name(span, name);
    target(page, transfer, handle);
    if (transfer->is_s3)
        s3(page, transfer, handle);
    if (status)
        span_integer(span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, status);
    if (redirects)
        span_integer(span, ATTRIBUTE_HTTP_REQUEST_RESEND_COUNT, redirects);
    connection(span, handle);
    sizes(span, transfer, handle, status);

    if (failed) {
        type = curl_error_type(code, (int)ask_long(handle, CURL_INFO_OS_ERRNO));
        if (code > 0)
            message = slice_of(handle->library->error(code));
        client_span_error(span, type, message);
    } else if (status >= 400) {
        client_span_error(span, client_decimal((uint64_t)status, digits), SLICE_NONE);
    }
    timings(span, handle, end_ns);
    if (failed)
        client_span_exception(span, type, message, end_ns);
}
