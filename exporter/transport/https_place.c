// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/https_place.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static bool write_address(const struct address *of, char text[static INET6_ADDRSTRLEN])
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, &of->address, sizeof v4);
    memcpy(&v6, &of->address, sizeof v6);
    bool six = of->address.ss_family == AF_INET6;
    return inet_ntop(six ? AF_INET6 : AF_INET,
                     six ? (const void *)&v6.sin6_addr : (const void *)&v4.sin_addr, text,
                     INET6_ADDRSTRLEN) != NULL;
}

bool https_place_write(struct https_place *place)
{
    size_t room = sizeof place->line;
    if (!place->addresses.count || strchr(place->at.host, ':'))
        return false;
    snprintf(place->none, sizeof place->none, "-%s:%u", place->at.host, place->at.port);
    size_t used = (size_t)snprintf(place->line, room, "%s:%u:", place->at.host, place->at.port);
    for (int i = 0; i < place->addresses.count && used < room; i++) {
        const struct address *each = &place->addresses.list[i];
        char text[INET6_ADDRSTRLEN] = "";
        if (write_address(each, text))
            used += (size_t)snprintf(place->line + used, room - used,
                                     each->address.ss_family == AF_INET6 ? "%s[%s]" : "%s%s",
                                     i ? "," : "", text);
    }
    return used < room;
}

void https_place_used(struct https_place *place, const char *said)
{
    char text[INET6_ADDRSTRLEN];
    for (int i = 0; i < place->addresses.count; i++)
        if (write_address(&place->addresses.list[i], text) && strcmp(text, said) == 0) {
            address_used(&place->addresses, i);
            return;
        }
}
