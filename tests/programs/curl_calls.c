// SPDX-License-Identifier: Apache-2.0
/* Every call of libcurl that the agent stands in front of; prints what each returned. Run
 * untraced and traced it prints the same. Plugins may bring other builds of libcurl along.
 *
 * curl_calls PORT PLUGIN... */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int port;
static char received[4096];

static size_t keep(char *bytes, size_t size, size_t count, void *context)
{
    (void)context;
    size_t room = sizeof received - 1 - strlen(received);
    strncat(received, bytes, size * count < room ? size * count : room);
    return size * count;
}

static CURL *request(const char *path)
{
    char url[512];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    received[0] = '\0';
    return curl;
}

static void perform(CURL *curl, const char *what)
{
    received[0] = '\0';
    CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    printf("%s: %d %ld %s\n", what, code, status, received);
}

static void easy(void)
{
    CURL *curl = request("/get?password=hunter2");
    perform(curl, "get");
    struct curl_slist *list = curl_slist_append(NULL, "X-One: 1");
    list = curl_slist_append(list, "X-Two: 2");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "a=b");
    perform(curl, "post");
    printf("list: %s, %s, %s\n", list->data, list->next->data, list->next->next ? "more" : "end");
    CURL *copy = curl_easy_duphandle(curl);
    perform(copy, "copy");
    curl_easy_cleanup(copy);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(list);
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    perform(curl, "get again");
    curl_easy_reset(curl);
    printf("after reset: %d\n", curl_easy_perform(curl));
    curl_easy_cleanup(curl);
}

static void own_traceparent(void)
{
    CURL *curl = request("/own");
    struct curl_slist *list = curl_slist_append(
        NULL, "TraceParent: 00-11111111111111111111111111111111-2222222222222222-01");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    perform(curl, "own");
    curl_easy_cleanup(curl);
    curl_slist_free_all(list);
}

static void outcomes(void)
{
    CURL *curl = request("/redirect");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    perform(curl, "redirect");
    curl_easy_cleanup(curl);
    curl = request("/status/404");
    perform(curl, "missing");
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    perform(curl, "failed");
    curl_easy_cleanup(curl);
    curl = request("/slow");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 200L);
    perform(curl, "timeout");
    curl_easy_setopt(curl, CURLOPT_URL, "http://127.0.0.1:1/");
    perform(curl, "refused");
    curl_easy_setopt(curl, CURLOPT_URL, "http://no-such-host.invalid/");
    perform(curl, "unknown");
    curl_easy_setopt(curl, CURLOPT_URL, "file:///dev/null");
    perform(curl, "file");
    curl_easy_cleanup(curl);
}

static void run(CURLM *multi)
{
    for (int running = 1; running;) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return;
        if (running)
            curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
}

static void several(void)
{
    CURLM *multi = curl_multi_init();
    CURL *handles[3];
    static const char *const paths[] = {"/multi/a", "/multi/b", "/status/500"};
    for (int i = 0; i < 3; i++) {
        handles[i] = request(paths[i]);
        printf("add: %d\n", curl_multi_add_handle(multi, handles[i]));
    }
    printf("add again: %d\n", curl_multi_add_handle(multi, handles[0]));
    run(multi);
    int left;
    int done = 0;
    while (curl_multi_info_read(multi, &left))
        done++;
    printf("done: %d\n", done);
    for (int i = 0; i < 3; i++)
        printf("remove: %d\n", curl_multi_remove_handle(multi, handles[i]));
    /* A second time, without reading the messages. */
    curl_multi_add_handle(multi, handles[0]);
    run(multi);
    curl_multi_remove_handle(multi, handles[0]);
    /* And one that is given up. */
    CURL *slow = request("/slow");
    int running;
    curl_multi_add_handle(multi, slow);
    curl_multi_perform(multi, &running);
    curl_multi_remove_handle(multi, slow);
    curl_easy_cleanup(slow);
    for (int i = 0; i < 3; i++)
        curl_easy_cleanup(handles[i]);
    curl_multi_cleanup(multi);
}

/* A plugin that is linked with a libcurl of its own. */
static void plugin(const char *file)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf("%s\n", dlerror());
        return;
    }
    int (*fetch)(int) = (int (*)(int))dlsym(library, "fetch");
    printf("plugin: %d\n", fetch(port));
}

int main(int count, char **arguments)
{
    if (count < 2)
        return 2;
    port = atoi(arguments[1]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    curl_global_init(CURL_GLOBAL_ALL);
    easy();
    own_traceparent();
    outcomes();
    several();
    for (int i = 2; i < count; i++)
        plugin(arguments[i]);
    curl_global_cleanup();
    return 0;
}
