// SPDX-License-Identifier: Apache-2.0
#include "reactor.h"
#include <stdlib.h>
#include <sys/epoll.h>

static int epoll = -1;

void reactor_open(int listener)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || (listener >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0))
        abort();
}

void reactor_watch(struct connection *connection, bool fresh)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = connection};
    epoll_ctl(epoll, fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection->fd, &event);
}

int reactor_wait(struct connection **ready, int room, int timeout_ms)
{
    struct epoll_event events[REACTOR_EVENTS];
    int count = epoll_wait(epoll, events, room, timeout_ms);

    for (int i = 0; i < count; i++)
        ready[i] = events[i].data.ptr;
    return count;
}
