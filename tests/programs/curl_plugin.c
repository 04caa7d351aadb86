// SPDX-License-Identifier: Apache-2.0
/* Linked with one build of libcurl or the other: fetch() asks for a page named after it. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

int fetch(int port);

static size_t drop(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

int fetch(int port)
{
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/plugin/%s", port,
             strstr(curl_version(), "GnuTLS") ? "gnutls" : "openssl");
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return (int)code;
}
