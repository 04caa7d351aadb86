// SPDX-License-Identifier: Apache-2.0
/* address.h - socket addresses of the collector.
 *
 * Numbers, `localhost` and unix sockets need no resolver, so the common sidecar is reached
 * without a file being opened. Other names go through getaddrinfo(), which reads files, may load
 * libraries and may wait: it is called before the program can change its root directory. Later on
 * it is called again, and where it fails the addresses known are kept. */
#ifndef EXPORTER_ADDRESS_H
#define EXPORTER_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "exporter/transport/endpoint.h"

#define ADDRESSES_MOST 8

struct address {
    struct sockaddr_storage address;
    socklen_t bytes; /* 0: none */
};

/* All zero: none is known. */
struct addresses {
    int count;
    struct address list[ADDRESSES_MOST]; /* in the order in which to try them */
    struct address used;                 /* the one that the last connection was made to */
    bool strayed;                        /* that was not always the first */
};

/* False, and leaves `addresses` alone, where a resolver is needed, or a unix socket's path is too
 * long. */
bool address_literal(const struct endpoint *endpoint, struct addresses *addresses);

/* With a resolver. Returns 0, or an error of getaddrinfo() and leaves `addresses` alone. */
int address_resolve(const struct endpoint *endpoint, struct addresses *addresses);

/* The order for the next connection. As the resolver gave them, which knows best, until one of them
 * has failed: then the one that was used last comes first, or, `beyond` it, the next one, in an
 * order that is the same however often they are looked up; so that each of them has its turn. */
void address_arrange(struct addresses *addresses, bool beyond);

/* A connection was made to that one of the list. */
void address_used(struct addresses *addresses, int index);

/* Whether all lie on this machine: loopback, or a unix socket. */
bool address_local(const struct addresses *addresses);

#endif
