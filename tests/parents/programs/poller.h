// SPDX-License-Identifier: Apache-2.0
/* An event loop's base: it waits by epoll, poll or select, and calls a handler an event. */
#pragma once
#include <poll.h>

/* `events`: POLLIN, POLLOUT; the peer's end is POLLIN, an error both. */
typedef void (*poller_handler)(void *object, short events);

/* `name`: epoll, poll or select. */
void poller_open(const char *name);

/* From now on these events of a descriptor are waited for; none with `events` 0. */
void poller_watch(int fd, short events, poller_handler handler, void *object);

/* Before a watched descriptor is closed. */
void poller_forget(int fd);

/* A turn of the loop: waits until something has happened, -1 for ever, then calls the handlers. */
void poller_wait(int timeout_ms);
void poller_dispatch(void);
