// SPDX-License-Identifier: Apache-2.0
/* socket.c - sockets that are made, joined and shut down. */
#include "hooks/originals/real.h"

#include <unistd.h>

#include "agent/observe/observe.h"

EXPORT int __connect(int fd, const struct sockaddr *address, socklen_t length)
    __attribute__((alias("connect")));

EXPORT int socket(int domain, int type, int protocol)
{
    int made = real.socket(domain, type, protocol);
    observe_created(made);
    return made;
}

EXPORT int socketpair(int domain, int type, int protocol, int pair[2])
{
    int result = real.socketpair(domain, type, protocol, pair);
    observe_paired(pair, result);
    return result;
}

EXPORT int listen(int fd, int backlog)
{
    int result = real.listen(fd, backlog);
    observe_listened(fd, result);
    return result;
}

EXPORT int accept(int fd, struct sockaddr *address, socklen_t *length)
{
    struct accepting accepting;
    observe_accepting(&accepting, address, length);
    int made = real.accept(fd, accepting.address, accepting.length);
    observe_accepted(&accepting, fd, made);
    return made;
}

EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    struct accepting accepting;
    observe_accepting(&accepting, address, length);
    int made = real.accept4(fd, accepting.address, accepting.length, flags);
    observe_accepted(&accepting, fd, made);
    return made;
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int result = real.connect(fd, address, length);
    observe_connected(fd, address, length, result);
    return result;
}

EXPORT int shutdown(int fd, int how)
{
    uint64_t begun_ns = observe_shutting_down(fd);
    int result = real.shutdown(fd, how);
    observe_shut_down(fd, how, result, begun_ns);
    return result;
}
