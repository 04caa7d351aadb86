// SPDX-License-Identifier: Apache-2.0
/* address.h - socket addresses of the collector.
 *
 * Numbers, `localhost` and unix sockets need no resolver, so the common sidecar is reached
 * without a file being opened. Other names go through getaddrinfo(), which reads files, may load
 * libraries and may wait: it is called before the program can change its root directory. */
#ifndef EXPORTER_ADDRESS_H
#define EXPORTER_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "exporter/endpoint.h"

#define ADDRESSES_MOST 8

struct addresses {
    int count; /* 0: not known */
    struct {
        struct sockaddr_storage address;
        socklen_t bytes;
    } list[ADDRESSES_MOST]; /* in the order in which to try them */
};

/* False where a resolver is needed, or a unix socket's path is too long. */
bool address_literal(const struct endpoint *endpoint, struct addresses *addresses);

/* With a resolver. Returns 0, or an error of getaddrinfo() and leaves `addresses` alone. */
int address_resolve(const struct endpoint *endpoint, struct addresses *addresses);

/* Whether all lie on this machine: loopback, or a unix socket. */
bool address_local(const struct addresses *addresses);

#endif
