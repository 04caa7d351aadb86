// SPDX-License-Identifier: Apache-2.0
#include "poller.h"
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>

enum { DESCRIPTORS = FD_SETSIZE, EVENTS_OF_A_TURN = 64 };

static struct {
    poller_handler handler;
    void *object;
    short events;
} watched[DESCRIPTORS];

static struct {
    int fd;
    short events;
} happened[EVENTS_OF_A_TURN];

static int count; /* of what has happened */
static int highest = -1;
static int epoll = -1;
static void (*wait_by_kind)(int timeout_ms);

/* --- the three ways --- */

static void add(int fd, short events)
{
    happened[count].fd = fd;
    happened[count++].events = events;
}

static void wait_by_epoll(int timeout_ms)
{
    struct epoll_event events[EVENTS_OF_A_TURN];
    int number = epoll_wait(epoll, events, EVENTS_OF_A_TURN, timeout_ms);

    for (int i = 0; i < number; i++) {
        unsigned bits = events[i].events;
        add(events[i].data.fd, (short)((bits & (EPOLLIN | EPOLLHUP | EPOLLERR) ? POLLIN : 0) |
                                       (bits & (EPOLLOUT | EPOLLERR) ? POLLOUT : 0)));
    }
}

static void wait_by_poll(int timeout_ms)
{
    static struct pollfd waits[DESCRIPTORS];
    nfds_t number = 0;

    for (int fd = 0; fd <= highest; fd++)
        if (watched[fd].events)
            waits[number++] = (struct pollfd){fd, watched[fd].events, 0};
    if (poll(waits, number, timeout_ms) <= 0)
        return;
    for (nfds_t i = 0; i < number && count < EVENTS_OF_A_TURN; i++) {
        short bits = waits[i].revents;
        if (bits)
            add(waits[i].fd, (short)((bits & (POLLIN | POLLHUP | POLLERR) ? POLLIN : 0) |
                                     (bits & (POLLOUT | POLLERR) ? POLLOUT : 0)));
    }
}

static void wait_by_select(int timeout_ms)
{
    struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    fd_set reads;
    fd_set writes;

    FD_ZERO(&reads);
    FD_ZERO(&writes);
    for (int fd = 0; fd <= highest; fd++) {
        if (watched[fd].events & POLLIN)
            FD_SET(fd, &reads);
        if (watched[fd].events & POLLOUT)
            FD_SET(fd, &writes);
    }
    if (select(highest + 1, &reads, &writes, NULL, timeout_ms < 0 ? NULL : &timeout) <= 0)
        return;
    for (int fd = 0; fd <= highest && count < EVENTS_OF_A_TURN; fd++) {
        int bits = (FD_ISSET(fd, &reads) ? POLLIN : 0) | (FD_ISSET(fd, &writes) ? POLLOUT : 0);
        if (bits)
            add(fd, (short)bits);
    }
}

/* --- the interface --- */

void poller_open(const char *name)
{
    if (strcmp(name, "poll") == 0) {
        wait_by_kind = wait_by_poll;
    } else if (strcmp(name, "select") == 0) {
        wait_by_kind = wait_by_select;
    } else {
        wait_by_kind = wait_by_epoll;
        epoll = epoll_create1(EPOLL_CLOEXEC);
    }
}

static void tell_epoll(int fd, short before, short events)
{
    struct epoll_event event = {.data.fd = fd,
                                .events = (events & POLLIN ? EPOLLIN : 0) |
                                          (events & POLLOUT ? EPOLLOUT : 0)};
    int operation = !events ? EPOLL_CTL_DEL : before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (events != before)
        epoll_ctl(epoll, operation, fd, &event);
}

void poller_watch(int fd, short events, poller_handler handler, void *object)
{
    if (fd < 0 || fd >= DESCRIPTORS)
        abort();
    if (epoll >= 0)
        tell_epoll(fd, watched[fd].events, events);
    watched[fd].handler = handler;
    watched[fd].object = object;
    watched[fd].events = events;
    if (fd > highest)
        highest = fd;
}

void poller_forget(int fd)
{
    poller_watch(fd, 0, NULL, NULL);
}

void poller_wait(int timeout_ms)
{
    count = 0;
    wait_by_kind(timeout_ms);
}

void poller_dispatch(void)
{
    for (int i = 0; i < count; i++) {
        /* An earlier handler of this turn may have closed or forgotten it. */
        int fd = happened[i].fd;
        short events = (short)(happened[i].events & watched[fd].events);
        if (events)
            watched[fd].handler(watched[fd].object, events);
    }
}
