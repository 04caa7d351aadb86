// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "exporter/transport/door.h"

static void add(struct addresses *addresses, const void *address, size_t bytes)
{
    if (addresses->count == ADDRESSES_MOST || bytes > sizeof addresses->list[0].address)
        return;
    addresses->list[addresses->count] = (struct address){0}; /* all of it will be compared */
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
    int known = addresses->count;
    addresses->count = 0;

    if (endpoint->scheme == ENDPOINT_UNIX) {
        struct sockaddr_un local = {.sun_family = AF_UNIX};
        size_t length = strlen(endpoint->socket);
        if (length < sizeof local.sun_path) {
            memcpy(local.sun_path, endpoint->socket, length);
            add(addresses, &local, offsetof(struct sockaddr_un, sun_path) + length + 1);
        }
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
    if (addresses->count)
        return true;
    addresses->count = known;
    return false;
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
    int known = addresses->count;
    addresses->count = 0;
    for (struct addrinfo *each = found; each; each = each->ai_next)
        if (each->ai_family == AF_INET || each->ai_family == AF_INET6)
            add(addresses, each->ai_addr, each->ai_addrlen);
    freeaddrinfo(found);
    if (addresses->count)
        return 0;
    addresses->count = known;
    return EAI_NONAME;
}

/* By value: families, then ports and hosts. */
static int compare(const struct address *a, const struct address *b)
{
    return memcmp(&a->address, &b->address, sizeof a->address);
}

static void sort(struct addresses *addresses)
{
    for (int i = 1; i < addresses->count; i++)
        for (int j = i; j > 0 && compare(&addresses->list[j], &addresses->list[j - 1]) < 0; j--) {
            struct address lower = addresses->list[j];
            addresses->list[j] = addresses->list[j - 1];
            addresses->list[j - 1] = lower;
        }
}

void address_arrange(struct addresses *addresses, bool beyond)
{
    int count = addresses->count;
    int first = 0;
    addresses->strayed |= beyond;
    if (!addresses->strayed || !addresses->used.bytes)
        return;
    sort(addresses);
    for (; first < count; first++) {
        int order = compare(&addresses->list[first], &addresses->used);
        if (order > 0 || (order == 0 && !beyond))
            break;
    }
    struct addresses sorted = *addresses;
    for (int i = 0; i < count; i++)
        addresses->list[i] = sorted.list[(first + i) % count];
}

void address_used(struct addresses *addresses, int index)
{
    addresses->strayed |= index > 0;
    addresses->used = addresses->list[index];
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
