// SPDX-License-Identifier: Apache-2.0
/* loops.h - a thread that is a loop, and what it reads and answers. */
#ifndef TESTS_UNIT_LOOPS_H
#define TESTS_UNIT_LOOPS_H

#include <sys/epoll.h>

#include "tests/unit/seam.h"

#define LOOP_FD (FD + 5)

static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
static const char half[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab";
static const char rest[] = "cd";
static const char nothing[] = "HTTP/1.1 204 No Content\r\n\r\n";

static inline void wait_as_a_loop(void)
{
    observe_waited(LOOP_FD);
}

static inline void become_a_loop(void)
{
    observe_listened(LISTENER_FD, 0);
    observe_registered(LOOP_FD, EPOLL_CTL_ADD, LISTENER_FD);
    wait_as_a_loop();
    accept_connection(FD);
    accept_connection(FD + 1);
    accept_connection(FD + 2);
}

static inline void on_another_thread(void *(*act)(void *))
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, act, NULL), 0);
    pthread_join(thread, NULL);
}

#endif
