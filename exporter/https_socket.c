// SPDX-License-Identifier: Apache-2.0
#include "exporter/https_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exporter/descriptor.h"

static bool is_ours(const struct https_sockets *sockets, int i)
{
    dev_t device;
    ino_t inode;
    return descriptor_identity(sockets->list[i].fd, &device, &inode) &&
           device == sockets->list[i].device && inode == sockets->list[i].inode;
}

static bool remember(struct https_sockets *sockets, int fd)
{
    for (int i = 0; i < HTTPS_SOCKETS; i++) {
        if (sockets->list[i].open)
            continue;
        sockets->list[i].open =
            descriptor_identity(fd, &sockets->list[i].device, &sockets->list[i].inode);
        sockets->list[i].fd = fd;
        return sockets->list[i].open;
    }
    errno = EMFILE;
    return false;
}

int https_socket_open(void *sockets, int purpose, struct curl_place *place)
{
    (void)purpose;
    int fd = socket(place->family, place->type | SOCK_CLOEXEC, place->protocol);
    if (fd < 0)
        return CURL_SOCKET_NONE;
    fd = descriptor_raise(fd);
    if (remember(sockets, fd))
        return fd;
    close(fd);
    return CURL_SOCKET_NONE;
}

int https_socket_close(void *context, int fd)
{
    struct https_sockets *sockets = context;
    for (int i = 0; i < HTTPS_SOCKETS; i++) {
        if (!sockets->list[i].open || sockets->list[i].fd != fd)
            continue;
        if (is_ours(sockets, i))
            close(fd);
        sockets->list[i].open = false;
    }
    return 0;
}

bool https_sockets_ours(const struct https_sockets *sockets)
{
    for (int i = 0; i < HTTPS_SOCKETS; i++)
        if (sockets->list[i].open && !is_ours(sockets, i))
            return false;
    return true;
}

void https_sockets_drop(struct https_sockets *sockets)
{
    for (int i = 0; i < HTTPS_SOCKETS; i++)
        if (sockets->list[i].open)
            https_socket_close(sockets, sockets->list[i].fd);
}
