// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/curl/curl_handle.h"

#include "agent/base/curl_abi.h"

HANDLE_TABLE(handles, sizeof(struct curl_handle), 32);

struct curl_handle *curl_handle_made(const struct curl_functions *library, void *curl)
{
    struct curl_handle *handle = handle_make(&handles, curl);
    if (handle)
        handle->library = library;
    return handle;
}

struct curl_handle *curl_handle_known(void *curl)
{
    return handle_find(&handles, curl);
}

void curl_handle_drop(void *curl)
{
    handle_drop(&handles, curl);
}

void curl_handle_each(void (*visit)(const void *handle))
{
    handle_each(&handles, visit);
}

void curl_handle_reset(struct curl_handle *handle)
{
    handle->headers = NULL;
    handle->method = CURL_METHOD_GET;
    handle->is_unified = false;
    handle->connects_only = false;
    handle->custom[0] = '\0';
    handle->sigv4[0] = '\0';
    handle->url[0] = '\0';
}

void curl_handle_copy(struct curl_handle *handle, const struct curl_handle *from)
{
    handle->headers = from->headers;
    handle->method = from->method;
    handle->is_unified = from->is_unified;
    handle->connects_only = from->connects_only;
    memcpy(handle->custom, from->custom, sizeof handle->custom);
    memcpy(handle->sigv4, from->sigv4, sizeof handle->sigv4);
    memcpy(handle->url, from->url, sizeof handle->url);
}

/* What does not fit is cut: a URL's end is its query's. */
static void keep(char *into, size_t capacity, uintptr_t value)
{
    const char *text = (const char *)value;
    size_t length = text ? strnlen(text, capacity - 1) : 0;
    if (length)
        memcpy(into, text, length);
    into[length] = '\0';
}

/* A cut that leaves no whole authority could show a password as a host. */
static void keep_url(struct curl_handle *handle, uintptr_t value)
{
    keep(handle->url, sizeof handle->url, value);
    bool is_cut = strlen(handle->url) == sizeof handle->url - 1;
    const char *authority = strstr(handle->url, "://");
    if (is_cut && !strpbrk(authority ? authority + 3 : handle->url, "/?"))
        handle->url[0] = '\0';
}

/* As libcurl does it: the last option that speaks of a method wins, and taking one back means
 * GET. */
static void choose(struct curl_handle *handle, enum curl_method method, uintptr_t value)
{
    if (value)
        handle->method = (uint8_t)method;
    else if (handle->method == method)
        handle->method = CURL_METHOD_GET;
}

void curl_handle_option(struct curl_handle *handle, int option, uintptr_t value)
{
    switch (option) {
    case CURL_OPTION_URL:
        keep_url(handle, value);
        break;
    case CURL_OPTION_CURLU:
        handle->url[0] = '\0';
        break;
    case CURL_OPTION_CUSTOMREQUEST:
        keep(handle->custom, sizeof handle->custom, value);
        break;
    case CURL_OPTION_AWS_SIGV4:
        keep(handle->sigv4, sizeof handle->sigv4, value);
        break;
    case CURL_OPTION_HTTPHEADER:
        handle->headers = (struct curl_list *)value;
        break;
    case CURL_OPTION_HTTPGET:
        if (value)
            handle->method = CURL_METHOD_GET;
        break;
    case CURL_OPTION_NOBODY:
        choose(handle, CURL_METHOD_HEAD, value);
        break;
    case CURL_OPTION_POST:
        choose(handle, CURL_METHOD_POST, value);
        break;
    case CURL_OPTION_POSTFIELDS:
    case CURL_OPTION_COPYPOSTFIELDS:
    case CURL_OPTION_HTTPPOST:
    case CURL_OPTION_MIMEPOST:
        if (value)
            handle->method = CURL_METHOD_POST;
        break;
    case CURL_OPTION_UPLOAD:
    case CURL_OPTION_PUT:
        choose(handle, CURL_METHOD_PUT, value);
        break;
    case CURL_OPTION_CONNECT_ONLY:
        handle->connects_only = value != 0;
        break;
    case CURL_OPTION_HEADEROPT:
        handle->is_unified = (long)value == CURL_HEADEROPT_UNIFIED;
        break;
    default:
        break;
    }
}

bool curl_handle_speaks_http(const struct curl_handle *handle)
{
    const char *end = strstr(handle->url, "://");
    if (handle->connects_only)
        return false;
    if (!end) /* HTTP, or what libcurl guesses from the host's name */
        return !slice_starts(slice_of(handle->url), SLICE_LITERAL("ftp."));
    struct slice scheme = {handle->url, (size_t)(end - handle->url)};
    return slice_equal_nocase(scheme, SLICE_LITERAL("http")) ||
           slice_equal_nocase(scheme, SLICE_LITERAL("https"));
}

struct slice curl_handle_method(const struct curl_handle *handle)
{
    static const struct slice methods[] = {
        [CURL_METHOD_GET] = {"GET", 3},
        [CURL_METHOD_HEAD] = {"HEAD", 4},
        [CURL_METHOD_POST] = {"POST", 4},
        [CURL_METHOD_PUT] = {"PUT", 3},
    };
    return handle->custom[0] ? slice_of(handle->custom) : methods[handle->method];
}
