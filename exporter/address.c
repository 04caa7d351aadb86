// SPDX-License-Identifier: Apache-2.0
#include "exporter/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "exporter/door.h"

static void add(struct addresses *addresses, const void *address, size_t bytes)
{
    if (addresses->count == ADDRESSES_MOST || bytes > sizeof addresses->list[0].address)
        return;
    memcpy(&addresses->list[addresses->count].address, address, bytes);
    addresses->list[addresses->count++].bytes = (socklen_t)bytes;
}

static void add_v4(struct addresses *addresses, struct in_addr host, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = host};
    add(addresses, &v4, sizeof v4);
}

static void add_v6(struct addresses *addresses, struct in6_addr host, uint16_t port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = host};
    add(addresses, &v6, sizeof v6);
}

bool address_literal(const struct endpoint *endpoint, struct addresses *addresses)
{
    struct in_addr v4;
    struct in6_addr v6;
    *addresses = (struct addresses){0};

    if (endpoint->scheme == ENDPOINT_UNIX) {
        struct sockaddr_un local = {.sun_family = AF_UNIX};
        size_t length = strlen(endpoint->socket);
        if (length >= sizeof local.sun_path)
            return false;
        memcpy(local.sun_path, endpoint->socket, length);
        add(addresses, &local, offsetof(struct sockaddr_un, sun_path) + length + 1);
    } else if (strcasecmp(endpoint->host, "localhost") == 0) {
        v4.s_addr = htonl(INADDR_LOOPBACK);
        v6 = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
        add_v4(addresses, v4, endpoint->port);
        add_v6(addresses, v6, endpoint->port);
    } else if (inet_pton(AF_INET, endpoint->host, &v4) == 1) {
        add_v4(addresses, v4, endpoint->port);
    } else if (inet_pton(AF_INET6, endpoint->host, &v6) == 1) {
        add_v6(addresses, v6, endpoint->port);
    }
    return addresses->count > 0;
}

int address_resolve(const struct endpoint *endpoint, struct addresses *addresses)
{
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    snprintf(port, sizeof port, "%u", (unsigned)endpoint->port);
    bool told = door_resolver_begin();
    int error = getaddrinfo(endpoint->host, port, &hints, &found);
    if (told)
        door_resolver_end();
    if (error)
        return error;
    *addresses = (struct addresses){0};
    for (struct addrinfo *each = found; each; each = each->ai_next)
        if (each->ai_family == AF_INET || each->ai_family == AF_INET6)
            add(addresses, each->ai_addr, each->ai_addrlen);
    freeaddrinfo(found);
    return addresses->count ? 0 : EAI_NONAME;
}

static bool is_local(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_UNIX)
        return true;
    if (address->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

bool address_local(const struct addresses *addresses)
{
    for (int i = 0; i < addresses->count; i++)
        if (!is_local(&addresses->list[i].address))
            return false;
    return addresses->count > 0;
}
