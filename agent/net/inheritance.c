// SPDX-License-Identifier: Apache-2.0
#include "agent/net/inheritance.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/preparation.h"
#include "agent/net/connection.h"

#define ACTIVATED_FIRST 3 /* SD_LISTEN_FDS_START */

struct name {
    struct sockaddr_storage address;
    socklen_t length;
};

typedef int name_of(int, struct sockaddr *, socklen_t *);

static bool ask(name_of *which, int fd, struct name *name)
{
    memset(name, 0, sizeof *name);
    name->length = sizeof name->address;
    return which(fd, (struct sockaddr *)&name->address, &name->length) == 0;
}

static bool is(int fd, int option, int wanted)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 && value == wanted;
}

bool inheritance_is_client(int fd)
{
    int saved = errno;
    struct name peer;
    bool client = ask(getpeername, fd, &peer) && peer.address.ss_family != AF_UNIX;
    errno = saved;
    return client;
}

void inheritance_take(int fd)
{
    int saved = errno;
    struct name peer;
    bool listens = is(fd, SO_ACCEPTCONN, 1);
    bool connected = !listens && is(fd, SO_TYPE, SOCK_STREAM) && ask(getpeername, fd, &peer);
    if (listens && preparation_do())
        connection_open(fd, CONNECTION_LISTENER, NULL, 0);
    else if (connected && preparation_do())
        connection_open(fd, CONNECTION_UNKNOWN, (struct sockaddr *)&peer.address, peer.length);
    else
        connection_release(fd);
    errno = saved;
}

static bool same_name(const struct name *one, const struct name *other)
{
    return one->length == other->length && memcmp(&one->address, &other->address, one->length) == 0;
}

/* The two ends' names are a connection's identity within a network. */
static bool same_connection(int one, int other)
{
    struct name names[4];
    return ask(getpeername, one, &names[0]) && ask(getpeername, other, &names[1]) &&
           ask(getsockname, one, &names[2]) && ask(getsockname, other, &names[3]) &&
           same_name(&names[0], &names[1]) && same_name(&names[2], &names[3]);
}

void inheritance_at_start(int activated)
{
    int saved = errno;
    if (inheritance_is_client(STDIN_FILENO)) {
        inheritance_take(STDIN_FILENO);
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
            if (same_connection(STDIN_FILENO, fd))
                connection_share(STDIN_FILENO, fd);
    }
    for (int i = 0; i < activated && i < INHERITANCE_MOST; i++)
        inheritance_take(ACTIVATED_FIRST + i);
    errno = saved;
}
