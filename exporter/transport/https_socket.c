// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/https_socket.h"

#include <errno.h>
#include <sys/socket.h>

#include "agent/base/os.h"

static bool remember(struct https_sockets *sockets, struct own_fd own)
{
    for (int i = 0; i < HTTPS_SOCKETS; i++) {
        if (sockets->list[i].open)
            continue;
        sockets->list[i].open = own.fd >= 0;
        sockets->list[i].own = own;
        return sockets->list[i].open;
    }
    errno = EMFILE;
    return false;
}

int https_socket_open(void *sockets, int purpose, struct curl_place *place)
{
    (void)purpose;
    int fd = os.socket(place->family, place->type | SOCK_CLOEXEC, place->protocol);
    if (fd < 0)
        return CURL_SOCKET_NONE;
    struct own_fd own = own_fd_take(fd);
    if (remember(sockets, own))
        return own.fd;
    own_fd_close(&own);
    return CURL_SOCKET_NONE;
}

int https_socket_close(void *context, int fd)
{
    struct https_sockets *sockets = context;
    for (int i = 0; i < HTTPS_SOCKETS; i++) {
        if (!sockets->list[i].open || sockets->list[i].own.fd != fd)
            continue;
        own_fd_close(&sockets->list[i].own);
        sockets->list[i].open = false;
    }
    return 0;
}

bool https_sockets_ours(const struct https_sockets *sockets)
{
    for (int i = 0; i < HTTPS_SOCKETS; i++)
        if (sockets->list[i].open && !own_fd_is_valid(&sockets->list[i].own))
            return false;
    return true;
}

bool https_sockets_any(const struct https_sockets *sockets)
{
    for (int i = 0; i < HTTPS_SOCKETS; i++)
        if (sockets->list[i].open)
            return true;
    return false;
}

void https_sockets_drop(struct https_sockets *sockets)
{
    for (int i = 0; i < HTTPS_SOCKETS; i++)
        if (sockets->list[i].open)
            https_socket_close(sockets, sockets->list[i].own.fd);
}
