// SPDX-License-Identifier: Apache-2.0
/* http.h - posts over plain HTTP/1.1, by TCP or a unix socket.
 *
 * A connection is kept between posts, for a minute at most, and not beyond one that was not
 * accepted (renewal.h). The application does not know of the descriptor, and may close or replace
 * any number it finds (closefrom, dup2): so the socket lies at a high number, is close-on-exec, and
 * before each use is checked to be still the one that was opened; if not, it is forgotten without
 * being closed. A write never raises SIGPIPE.
 *
 * System calls: socket, setsockopt, fcntl, connect, poll, getsockopt, fstat, sendmsg, recvfrom,
 * close; those of getaddrinfo() where the host is a name. */
#ifndef EXPORTER_HTTP_H
#define EXPORTER_HTTP_H

#include "agent/base/own_fd.h"
#include "config/config.h"
#include "exporter/base/arena.h"
#include "exporter/transport/address.h"
#include "exporter/transport/answer.h"
#include "exporter/transport/endpoint.h"
#include "exporter/transport/renewal.h"
#include "exporter/transport/transport.h"

struct http {
    struct transport transport;
    const struct config *config;
    const struct endpoint *endpoint;
    struct addresses addresses;
    struct renewal renewal;
    struct own_fd socket; /* none: no connection */
    int receive_error;    /* errno of what ended the last receive, or 0 */

    /* The answer: all of it that has come, and what it says so far. */
    struct arena buffer;
    struct answer answer;
    enum answer_result result;
    bool ended;      /* the collector has closed the connection */
    unsigned pieces; /* small ones that it came in */

    size_t head_bytes;
    char head[6144]; /* request line and fields that are the same each time */
};

/* Fills in `http`; opens nothing. `config` and `endpoint` must outlive it. */
void http_init(struct http *http, const struct config *config, const struct endpoint *endpoint);

#endif
