// SPDX-License-Identifier: Apache-2.0
/* loop.c - waits of event loops, and what they wait for: real, then observe. */
#include "hooks/originals/real.h"

#include <poll.h>
#include <sys/select.h>

#include "agent/observe/observe.h"

EXPORT int epoll_create(int size)
{
    int made = real.epoll_create(size);
    observe_created(made);
    return made;
}

EXPORT int epoll_create1(int flags)
{
    int made = real.epoll_create1(flags);
    observe_created(made);
    return made;
}

EXPORT int epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
    int result = real.epoll_ctl(epfd, operation, fd, event);
    if (result == 0)
        observe_registered(epfd, operation, fd);
    return result;
}

EXPORT int epoll_wait(int fd, struct epoll_event *events, int count, int timeout_ms)
{
    int ready = real.epoll_wait(fd, events, count, timeout_ms);
    observe_waited(fd);
    observe_waited_for(ready, timeout_ms != 0);
    return ready;
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int count, int timeout_ms,
                       const sigset_t *mask)
{
    int ready = real.epoll_pwait(fd, events, count, timeout_ms, mask);
    observe_waited(fd);
    observe_waited_for(ready, timeout_ms != 0);
    return ready;
}

EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int count,
                        const struct timespec *timeout, const sigset_t *mask)
{
    int ready = real.epoll_pwait2(fd, events, count, timeout, mask);
    observe_waited(fd);
    /* Of one that the kernel has read. */
    bool patiently = ready == 0 && timeout && (timeout->tv_sec || timeout->tv_nsec);
    observe_waited_for(ready, patiently);
    return ready;
}

/* What programs built with _FORTIFY_SOURCE call instead; no header declares them without it. */
EXPORT int __poll_chk(struct pollfd *waits, nfds_t count, int timeout_ms, size_t room);
EXPORT int __ppoll_chk(struct pollfd *waits, nfds_t count, const struct timespec *timeout,
                       const sigset_t *mask, size_t room);

EXPORT int poll(struct pollfd *waits, nfds_t count, int timeout_ms)
{
    int ready = real.poll(waits, count, timeout_ms);
    observe_polled(waits, count, ready);
    return ready;
}

EXPORT int __poll_chk(struct pollfd *waits, nfds_t count, int timeout_ms, size_t room)
{
    int ready = real.__poll_chk(waits, count, timeout_ms, room);
    observe_polled(waits, count, ready);
    return ready;
}

EXPORT int ppoll(struct pollfd *waits, nfds_t count, const struct timespec *timeout,
                 const sigset_t *mask)
{
    int ready = real.ppoll(waits, count, timeout, mask);
    observe_polled(waits, count, ready);
    return ready;
}

EXPORT int __ppoll_chk(struct pollfd *waits, nfds_t count, const struct timespec *timeout,
                       const sigset_t *mask, size_t room)
{
    int ready = real.__ppoll_chk(waits, count, timeout, mask, room);
    observe_polled(waits, count, ready);
    return ready;
}

EXPORT int select(int count, fd_set *reads, fd_set *writes, fd_set *others, struct timeval *timeout)
{
    enum wait wait = observe_selecting(count, reads);
    int ready = real.select(count, reads, writes, others, timeout);
    observe_selected(wait, count, reads, ready);
    return ready;
}

EXPORT int pselect(int count, fd_set *reads, fd_set *writes, fd_set *others,
                   const struct timespec *timeout, const sigset_t *mask)
{
    enum wait wait = observe_selecting(count, reads);
    int ready = real.pselect(count, reads, writes, others, timeout, mask);
    observe_selected(wait, count, reads, ready);
    return ready;
}
