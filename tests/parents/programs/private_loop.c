// SPDX-License-Identifier: Apache-2.0
#include "private_loop.h"
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

enum { STEP_MS = 5, EVENTS = 8 };

/* --- loops: each until no transfer of the multi handle runs --- */

static void loop_by_wait(CURLM *multi)
{
    for (int running = 1; running;) {
        curl_multi_perform(multi, &running);
        if (running)
            curl_multi_wait(multi, NULL, 0, STEP_MS, NULL);
    }
}

static void loop_by_poll(CURLM *multi)
{
    for (int running = 1; running;) {
        curl_multi_perform(multi, &running);
        if (running)
            curl_multi_poll(multi, NULL, 0, STEP_MS, NULL);
    }
}

static void loop_by_select(CURLM *multi)
{
    for (int running = 1; running;) {
        struct timeval step = {.tv_usec = STEP_MS * 1000};
        fd_set sets[3];
        int highest = -1;
        curl_multi_perform(multi, &running);
        for (int i = 0; i < 3; i++)
            FD_ZERO(&sets[i]);
        curl_multi_fdset(multi, &sets[0], &sets[1], &sets[2], &highest);
        if (running)
            select(highest + 1, &sets[0], &sets[1], &sets[2], &step);
    }
}

static int watch(CURL *curl, curl_socket_t fd, int what, void *context, void *known)
{
    const int *epoll = context;
    struct epoll_event event = {.data.fd = fd};

    (void)curl;
    (void)known;
    if (what == CURL_POLL_REMOVE)
        return epoll_ctl(*epoll, EPOLL_CTL_DEL, fd, NULL), 0;
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    if (epoll_ctl(*epoll, EPOLL_CTL_MOD, fd, &event) < 0)
        epoll_ctl(*epoll, EPOLL_CTL_ADD, fd, &event);
    return 0;
}

static void loop_by_epoll(CURLM *multi)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS];
    int running = 1;

    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, &epoll);
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    while (running) {
        int count = epoll_wait(epoll, events, EVENTS, STEP_MS);
        for (int i = 0; i < count; i++) {
            int bits = (events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                       (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
            curl_multi_socket_action(multi, events[i].data.fd, bits, &running);
        }
        if (count <= 0)
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    close(epoll);
}

/* --- work with one --- */

static bool fetch(struct backend *backend, unsigned long id, void (*loop)(CURLM *))
{
    char url[URL_BYTES];
    long status = 0;
    CURLM *multi = curl_multi_init();

    curl_easy_setopt(backend->curl, CURLOPT_URL, work_url(url, id));
    curl_multi_add_handle(multi, backend->curl);
    loop(multi);
    curl_easy_getinfo(backend->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(multi, backend->curl);
    curl_multi_cleanup(multi);
    return status == 200;
}

static bool work_with(unsigned long id, void (*loop)(CURLM *))
{
    struct backend *backend = backend_take();

    if (!backend)
        return false;
    bool worked = work_sql(backend, 1, id) && fetch(backend, id, loop) && work_sql(backend, 2, id);
    backend_give(backend);
    return worked;
}

static bool work_by_wait(unsigned long id)
{
    return work_with(id, loop_by_wait);
}

static bool work_by_poll(unsigned long id)
{
    return work_with(id, loop_by_poll);
}

static bool work_by_select(unsigned long id)
{
    return work_with(id, loop_by_select);
}

static bool work_by_epoll(unsigned long id)
{
    return work_with(id, loop_by_epoll);
}

work_function private_loop_of_mode(void)
{
    if (mode_is("multi-wait"))
        return work_by_wait;
    if (mode_is("multi-poll"))
        return work_by_poll;
    if (mode_is("multi-select"))
        return work_by_select;
    return mode_is("multi-epoll") ? work_by_epoll : NULL;
}
