// SPDX-License-Identifier: Apache-2.0
/* Descriptors that come and go. */
#include "agent/observe/observe.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/own_fd.h"
#include "agent/base/preparation.h"
#include "agent/base/process.h"
#include "agent/base/standard_error.h"
#include "agent/base/thread.h"
#include "agent/life/agent.h"
#include "agent/net/connection.h"
#include "agent/net/detect.h"
#include "agent/queue/family.h"
#include "agent/queue/queue.h"
#include "agent/work/context.h"
#include "agent/work/work.h"

void observe_accepting(struct accepting *accepting, struct sockaddr *address, socklen_t *length)
{
    accepting->address = address;
    accepting->length = length;
    if (address || !agent_gate_open())
        return;
    accepting->own_length = sizeof accepting->own;
    accepting->address = (struct sockaddr *)&accepting->own;
    accepting->length = &accepting->own_length;
}

/* A listening socket that another process made is first met here. */
static void know_listener(int fd)
{
    const struct connection *connection = connection_of(fd);
    if (connection && connection_role(connection) == CONNECTION_LISTENER)
        return;
    connection_open(fd, CONNECTION_LISTENER, NULL, 0);
}

void observe_accepted(const struct accepting *accepting, int listener, int made)
{
    if (made < 0) {
        context_goes_on();
        return;
    }
    int saved = errno;
    context_clear(); /* who takes the next connection has left the last request, or handed it on */
    if (agent_enter_settled() && preparation_do()) {
        know_listener(listener);
        connection_open(made, CONNECTION_SERVER, accepting->address,
                        accepting->length ? *accepting->length : 0);
        if (family_has_left() || family_forks_to_answer(connection_fork_epoch()))
            queue_inherit();
    }
    errno = saved;
}

void observe_connected(int fd, const struct sockaddr *address, socklen_t length, int result)
{
    if (result < 0 && errno != EINPROGRESS && errno != EINTR)
        return;
    int saved = errno;
    /* Where nobody reads along, whose bytes it carries matters only if there are requests. */
    if ((preparation_is_done() || detect_reads_clients()) && agent_enter_own_process())
        connection_connected(fd, address, length, result == 0);
    errno = saved;
}

void observe_registered(int epfd, int operation, int fd)
{
    const struct connection *connection = connection_of(fd);
    if (!connection || operation == EPOLL_CTL_DEL)
        return;
    work_registered(&connection->flow.channel);
    enum connection_role role = connection_role(connection);
    /* One that another process made says what it is with its first byte; one of a pair within this
     * process, by which loops wake themselves, has no address. */
    bool brings_requests = role == CONNECTION_LISTENER || role == CONNECTION_SERVER ||
                           role == CONNECTION_LOOP ||
                           (role == CONNECTION_UNKNOWN && connection->flow.peer.family != 0 &&
                            connection->flow.peer.family != AF_UNIX);
    const struct connection *known = connection_of(epfd);
    if (!brings_requests || (known && connection_role(known) == CONNECTION_LOOP))
        return;
    int saved = errno;
    if (agent_enter_own_process())
        connection_open(epfd, CONNECTION_LOOP, NULL, 0);
    errno = saved;
}

void observe_listened(int fd, int result)
{
    int saved = errno;
    if (result == 0 && agent_enter_own_process()) {
        agent_listen();
        connection_open(fd, CONNECTION_LISTENER, NULL, 0);
    }
    errno = saved;
}

void observe_created(int fd)
{
    if (fd < 0 || !connection_of(fd))
        return;
    int saved = errno;
    if (agent_enter_own_process())
        connection_release(fd);
    errno = saved;
}

void observe_paired(int pair[2], int result)
{
    if (result != 0)
        return;
    int saved = errno;
    /* Whether one of them speaks HTTP matters only where there are requests; that most do not shows
     * with their first byte. */
    for (int i = 0; i < 2; i++)
        if (thread_is_own())
            pair[i] = own_fd_take(pair[i]).fd;
        else if (preparation_is_done() && agent_enter_own_process())
            connection_open(pair[i], CONNECTION_UNKNOWN, NULL, 0);
        else
            observe_created(pair[i]);
    errno = saved;
}

/* A forked child that nobody has noticed yet is not put in order for this: it may be about to
 * become another program. */
static bool owns_memory(void)
{
    return agent_gate_open() && (life_settling() || process_owns_memory());
}

__attribute__((cold, noinline)) static void put_on_standard_error(bool chosen)
{
    if (owns_memory())
        standard_error_put(chosen);
}

__attribute__((cold, noinline)) static void close_standard_error(void)
{
    if (owns_memory())
        standard_error_closing();
}

static void share(int from, int to)
{
    if (to < 0 || (!connection_of(from) && !connection_of(to)))
        return;
    int saved = errno;
    if (agent_enter_own_process())
        connection_share(from, to);
    errno = saved;
}

void observe_duplicated(int from, int to)
{
    if (to == STDERR_FILENO)
        put_on_standard_error(false);
    share(from, to);
}

void observe_put(int from, int to)
{
    if (to == STDERR_FILENO && from != to)
        put_on_standard_error(true);
    share(from, to);
}

/* Apart, so that a close of anything else keeps no registers. */
__attribute__((noinline)) static void close_connection(struct connection *connection, int fd)
{
    int saved = errno;
    if (agent_enter_own_process()) {
        atomic_store_explicit(&connection->last_ns, clock_monotonic_ns(), memory_order_relaxed);
        connection_release(fd);
    }
    errno = saved;
}

void observe_closing(int fd)
{
    struct connection *connection = connection_of(fd);
    if (connection)
        close_connection(connection, fd);
    else if (fd == STDERR_FILENO)
        close_standard_error();
}

void observe_closing_range(unsigned first, unsigned last)
{
    int saved = errno;
    if (first <= STDERR_FILENO && last >= STDERR_FILENO)
        close_standard_error();
    if (agent_enter_own_process())
        connection_release_range(first, last);
    errno = saved;
}
