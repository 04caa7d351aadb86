// SPDX-License-Identifier: Apache-2.0
/* exporter_server.h - a collector made of a script, on 127.0.0.1 or a unix socket.
 *
 * A request takes the next step of the script, whichever connection it comes on; the last step
 * repeats. What was asked is kept for the test to look at after server_stop(). */
#ifndef TESTS_UNIT_EXPORTER_SERVER_H
#define TESTS_UNIT_EXPORTER_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum step_action {
    STEP_ANSWER,      /* send `answer`, keep the connection */
    STEP_CLOSE_AFTER, /* send `answer`, then close */
    STEP_RESET,       /* close with a reset, without an answer */
    STEP_HANG,        /* say nothing until the peer goes */
    STEP_DRIP,        /* send `answer` byte by byte */
    STEP_FLOOD,       /* send `answer` again and again until the peer goes */
    STEP_UNREAD,      /* send `answer` when the head has come, then nothing until the peer goes */
    STEP_RESET_UNREAD /* close with a reset when the head has come */
};

struct step {
    enum step_action action;
    const char *answer;
    size_t bytes; /* of the answer; 0: a string */
};

struct server {
    const struct step *steps;
    int step_count;
    int listener;
    uint16_t port;
    _Atomic bool ending;
    _Atomic int connections; /* accepted */
    _Atomic int requests;    /* read in full, but for the unread ones */
    char head[8192];         /* of the last request, terminated */
    char *body;              /* of the last request */
    size_t body_bytes;
    char *all; /* bodies of all requests that were answered with 200, one behind the other */
    size_t all_bytes;
    unsigned long thread;
};

/* `path` NULL: a TCP port of the kernel's choice. */
void server_start(struct server *server, const struct step *steps, int count, const char *path);
void server_stop(struct server *server);

/* Before what was asked is looked at: ThreadSanitizer does not see that an answer received comes
 * after the request was kept. */
void server_look(struct server *server);

/* "http://127.0.0.1:PORT/v1/traces" */
const char *server_url(const struct server *server);

#endif
