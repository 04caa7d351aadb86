// SPDX-License-Identifier: Apache-2.0
/* loop.c - event loops that wake up: real, then observe. */
#include "hooks/real.h"

#include "agent/observe.h"

EXPORT int epoll_wait(int fd, struct epoll_event *events, int count, int timeout_ms)
{
    int ready = real.epoll_wait(fd, events, count, timeout_ms);
    observe_waited(fd);
    return ready;
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int count, int timeout_ms,
                       const sigset_t *mask)
{
    int ready = real.epoll_pwait(fd, events, count, timeout_ms, mask);
    observe_waited(fd);
    return ready;
}

EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int count,
                        const struct timespec *timeout, const sigset_t *mask)
{
    int ready = real.epoll_pwait2(fd, events, count, timeout, mask);
    observe_waited(fd);
    return ready;
}
