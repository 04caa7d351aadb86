// SPDX-License-Identifier: Apache-2.0
/* curl_fake.h - a libcurl that says what a test wants it to. */
#ifndef TESTS_CURL_FAKE_H
#define TESTS_CURL_FAKE_H

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "agent/base/curl_abi.h"
#include "agent/observe/observe_curl.h"

/* What the library would say, and what was done to it. */
static struct {
    long status;
    long redirects;
    long os_errno;
    long connects;
    int64_t uploaded;
    int64_t downloaded;
    int64_t announced; /* Content-Length */
    int64_t took_us;
    const char *effective_url;
    const char *scheme;
    struct curl_list *headers; /* what CURLOPT_HTTPHEADER was last set to */
    int sets;
} library_has;

static int set(void *curl, int option, uintptr_t value)
{
    (void)curl;
    assert_int_equal(option, CURLOPT_HTTPHEADER);
    library_has.headers = (struct curl_list *)value;
    library_has.sets++;
    return 0;
}

static int get(void *curl, int what, void *answer)
{
    (void)curl;
    errno = 99; /* libraries do */
    switch (what) {
    case CURL_INFO_RESPONSE_CODE:
        *(long *)answer = library_has.status;
        return 0;
    case CURL_INFO_REDIRECT_COUNT:
        *(long *)answer = library_has.redirects;
        return 0;
    case CURL_INFO_OS_ERRNO:
        *(long *)answer = library_has.os_errno;
        return 0;
    case CURL_INFO_NUM_CONNECTS:
        *(long *)answer = library_has.connects;
        return 0;
    case CURL_INFO_HTTP_VERSION:
        *(long *)answer = CURL_HTTP_VERSION_2_0;
        return 0;
    case CURL_INFO_PRIMARY_PORT:
        *(long *)answer = 8443;
        return 0;
    case CURL_INFO_PRIMARY_IP:
        *(const char **)answer = "192.0.2.1";
        return 0;
    case CURL_INFO_EFFECTIVE_URL:
        *(const char **)answer = library_has.effective_url;
        return 0;
    case CURL_INFO_SCHEME:
        *(const char **)answer = library_has.scheme;
        return 0;
    case CURL_INFO_SIZE_UPLOAD_T:
        *(int64_t *)answer = library_has.uploaded;
        return 0;
    case CURL_INFO_SIZE_DOWNLOAD_T:
        *(int64_t *)answer = library_has.downloaded;
        return 0;
    case CURL_INFO_CONTENT_LENGTH_DOWNLOAD_T:
        *(int64_t *)answer = library_has.announced;
        return 0;
    case CURL_INFO_TOTAL_TIME_T:
        *(int64_t *)answer = library_has.took_us;
        return 0;
    case CURL_INFO_NAMELOOKUP_TIME_T:
    case CURL_INFO_CONNECT_TIME_T:
    case CURL_INFO_STARTTRANSFER_TIME_T:
        *(int64_t *)answer = 1000000000;
        return 0;
    default:
        return 48; /* CURLE_UNKNOWN_OPTION */
    }
}

static const char *error(int code)
{
    (void)code;
    return "what the library says";
}

static int header(void *curl, const char *name, struct curl_response_header **answer)
{
    (void)curl;
    static struct curl_response_header found = {.value = (char *)"REQUEST-ID"};
    if (strcmp(name, "x-amz-request-id") != 0)
        return 1;
    *answer = &found;
    return 0;
}

static const struct curl_functions library = {set, get, error, header};

/* The first node whose line begins so, or NULL. */
static const struct curl_list *line_of(const struct curl_list *list, const char *name)
{
    for (; list; list = list->next)
        if (strncmp(list->data, name, strlen(name)) == 0)
            return list;
    return NULL;
}

#endif
