// SPDX-License-Identifier: Apache-2.0
/* Linked with one build of libcurl or the other, or with one in it: fetch() asks for a page named
 * after it, and returns STRANGER where another build did the work. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>

#define STRANGER 1000

int fetch(int port);
int fetch_by_multi(int port);

static const void *worker;

static size_t drop(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    worker = __builtin_return_address(0);
    return size * count;
}

static int same_object(const void *one, const void *other)
{
    Dl_info here, there;
    return dladdr(one, &here) && dladdr(other, &there) && here.dli_fbase == there.dli_fbase;
}

static CURL *request(int port)
{
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/plugin/%s", port, PLUGIN);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    return curl;
}

static int answer(int code)
{
    return code || same_object(worker, (const void *)curl_version) ? code : STRANGER;
}

int fetch(int port)
{
    CURL *curl = request(port);
    int code = (int)curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return answer(code);
}

int fetch_by_multi(int port)
{
    CURL *curl = request(port);
    CURLM *multi = curl_multi_init();
    int code = (int)curl_multi_add_handle(multi, curl);
    for (int running = 1; running && !code;) {
        code = (int)curl_multi_perform(multi, &running);
        curl_multi_wait(multi, NULL, 0, 100, NULL);
    }
    CURLMsg *message = curl_multi_info_read(multi, &(int){0});
    if (!code)
        code = message ? (int)message->data.result : STRANGER;
    curl_multi_remove_handle(multi, curl);
    curl_easy_cleanup(curl);
    curl_multi_cleanup(multi);
    return answer(code);
}
