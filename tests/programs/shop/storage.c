// SPDX-License-Identifier: Apache-2.0
#include "storage.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECT_BYTES_MAX = 16 << 20 };

static const struct shop_options *settings;
static struct curl_slist *headers; /* the same for all requests; libcurl only reads it */
static pthread_key_t handle_key;
static char signing[96];
static char credentials[256];

static void handle_destroy(void *handle)
{
    curl_easy_cleanup(handle);
}

bool storage_open(const struct shop_options *options)
{
    settings = options;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        pthread_key_create(&handle_key, handle_destroy) != 0)
        return false;
    headers = curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
    snprintf(signing, sizeof signing, "aws:amz:%s:s3", options->s3_region);
    snprintf(credentials, sizeof credentials, "%s:%s", options->s3_access_key,
             options->s3_secret_key);
    return headers != NULL;
}

void storage_close(void)
{
    curl_easy_cleanup(pthread_getspecific(handle_key));
    pthread_key_delete(handle_key);
    curl_slist_free_all(headers);
    curl_global_cleanup();
}

static CURL *handle_for(const char *key, char *error)
{
    CURL *handle = pthread_getspecific(handle_key);
    char url[1024];

    if (!handle) {
        handle = curl_easy_init();
        if (!handle)
            return NULL;
        pthread_setspecific(handle_key, handle);
    }
    curl_easy_reset(handle);
    error[0] = '\0';
    snprintf(url, sizeof url, "%s/%s/%s", settings->s3_endpoint, settings->s3_bucket, key);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_AWS_SIGV4, signing);
    curl_easy_setopt(handle, CURLOPT_USERPWD, credentials);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, 30L);
    return handle;
}

static long perform(CURL *handle)
{
    long status = 0;
    if (curl_easy_perform(handle) == CURLE_OK)
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t give(char *buffer, size_t size, size_t count, void *data)
{
    struct bytes *rest = data;
    size_t length = size * count < rest->length ? size * count : rest->length;

    memcpy(buffer, rest->data, length);
    rest->data += length;
    rest->length -= length;
    return length;
}

static size_t take(char *piece, size_t size, size_t count, void *data)
{
    struct bytes *content = data;
    size_t length = size * count;

    if (length > OBJECT_BYTES_MAX - content->length)
        return 0;
    char *grown = realloc(content->data, content->length + length);
    if (!grown)
        return 0;
    memcpy(grown + content->length, piece, length);
    content->data = grown;
    content->length += length;
    return length;
}

long storage_put(const char *key, struct bytes content, char *error)
{
    CURL *handle = handle_for(key, error);
    struct bytes answer = {0};
    char nothing[1] = "";

    if (!handle)
        return 0;
    if (!content.data)
        content.data = nothing;
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(handle, CURLOPT_READDATA, &content);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)content.length);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer);
    long status = perform(handle);
    free(answer.data);
    return status;
}

long storage_get(const char *key, struct bytes *content, char *error)
{
    CURL *handle = handle_for(key, error);

    *content = (struct bytes){0};
    if (!handle)
        return 0;
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, content);
    long status = perform(handle);
    if (status != 200) {
        free(content->data);
        *content = (struct bytes){0};
    }
    return status;
}
