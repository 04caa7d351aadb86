// SPDX-License-Identifier: Apache-2.0
/* The table from descriptor numbers to connections, and what descriptors do to them. */
#include "agent/net/connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/base/clock.h"
#include "agent/base/os.h"
#include "agent/base/slab.h"
#include "agent/net/library.h"
#include "agent/work/work.h"

_Atomic(struct connection_entry *) connection_chunks[CONNECTION_CHUNKS];
static _Atomic uint32_t highest; /* no entry above it was ever set; keeps ranges short */

static struct slab connections =
    SLAB_INIT((sizeof(struct connection) + 63) / 64 * 64, 1024, 1024 * SLAB_CHUNKS);

static struct connection_entry *make_entry(int fd)
{
    struct connection_entry *found = connection_entry(fd);
    if (found || fd < 0)
        return found;
    size_t bytes = sizeof(struct connection_entry) << CONNECTION_CHUNK_BITS;
    void *chunk = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (chunk == MAP_FAILED)
        return NULL;
    struct connection_entry *none = NULL;
    if (!atomic_compare_exchange_strong(&connection_chunks[(unsigned)fd >> CONNECTION_CHUNK_BITS],
                                        &none, chunk))
        munmap(chunk, bytes);
    return connection_entry(fd);
}

static void attach(int fd, struct connection *connection)
{
    struct connection_entry *place = make_entry(fd);
    if (!place) {
        connection_drop_reference(connection);
        return;
    }
    uint32_t seen = atomic_load_explicit(&highest, memory_order_relaxed);
    while (seen < (uint32_t)fd &&
           !atomic_compare_exchange_weak_explicit(&highest, &seen, (uint32_t)fd,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
    struct connection *before =
        atomic_exchange_explicit(&place->connection, connection, memory_order_acq_rel);
    if (before)
        connection_drop_reference(before);
}

static struct peer peer_of(const struct sockaddr *address, socklen_t length)
{
    struct peer peer = {0};
    if (!address || length < sizeof address->sa_family)
        return peer;
    peer.family = address->sa_family;
    if (peer.family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        peer.port = ntohs(in.sin_port);
        memcpy(peer.address, &in.sin_addr, 4);
    }
    if (peer.family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        peer.port = ntohs(in.sin6_port);
        memcpy(peer.address, &in.sin6_addr, 16);
        if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
            peer.family = AF_INET;
            memcpy(peer.address, &in.sin6_addr.s6_addr[12], 4);
        }
    }
    return peer;
}

/* All that is written is written before others can find it. */
static void open_connection(int fd, enum connection_role role, const struct sockaddr *address,
                            socklen_t length, uint64_t connected_ns)
{
    connection_release(fd);
    uint32_t index;
    struct connection *connection = slab_take(&connections, &index);
    if (!connection)
        return;
    connection_reset(connection, index, role);
    atomic_store_explicit(&connection->flow.channel.fd, fd, memory_order_relaxed);
    connection->flow.peer = peer_of(address, length);
    connection->flow.connected_ns = connected_ns;
    if (role == CONNECTION_CLIENT) {
        connection_set_owner(connection, work_owner());
        if (library_is_calling())
            atomic_store_explicit(&connection->flow.unread, true, memory_order_relaxed);
    }
    attach(fd, connection);
}

void connection_open(int fd, enum connection_role role, const struct sockaddr *address,
                     socklen_t length)
{
    open_connection(fd, role, address, length, 0);
}

void connection_connected(int fd, const struct sockaddr *address, socklen_t length, bool is_over)
{
    open_connection(fd, CONNECTION_CLIENT, address, length, is_over ? clock_monotonic_ns() : 0);
}

void connection_give_back(struct connection *connection)
{
    slab_give(&connections, connection->index);
}

void connection_release(int fd)
{
    struct connection_entry *place = connection_entry(fd);
    if (!place || !atomic_load_explicit(&place->connection, memory_order_relaxed))
        return;
    struct connection *before =
        atomic_exchange_explicit(&place->connection, NULL, memory_order_acq_rel);
    if (before)
        connection_drop_reference(before);
}

bool connection_drop(struct connection *connection)
{
    struct connection_entry *place =
        connection_entry(atomic_load_explicit(&connection->flow.channel.fd, memory_order_relaxed));
    struct connection *expected = connection;
    /* As long as both sides are owned, no other connection lies in this slot. */
    return place &&
           atomic_compare_exchange_strong_explicit(&place->connection, &expected, NULL,
                                                   memory_order_acq_rel, memory_order_relaxed) &&
           atomic_fetch_sub_explicit(&connection->flow.channel.references, 1,
                                     memory_order_acq_rel) == 1;
}

void connection_share(int from, int to)
{
    struct connection *connection = connection_of(from);
    if (from == to)
        return;
    if (!connection || !connection_add_reference(connection)) {
        connection_release(to);
        return;
    }
    /* Closed and made anew in between, it may be another descriptor's by now. */
    if (connection_of(from) != connection) {
        connection_drop_reference(connection);
        connection_release(to);
        return;
    }
    attach(to, connection);
}

void connection_release_range(unsigned first, unsigned last)
{
    uint32_t most = atomic_load_explicit(&highest, memory_order_relaxed);
    for (unsigned fd = first; fd <= last && fd <= most; fd++)
        connection_release((int)fd);
}

static uint64_t waiting_slots(const struct pipeline *pipeline)
{
    uint64_t slots = 0;
    uint32_t entry;
    struct pipeline_walk walk = pipeline_walk(pipeline);
    while ((entry = pipeline_next(pipeline, &walk)) != 0) {
        uint32_t slot = entry & PIPELINE_SLOT; /* + 1 */
        slots |= slot <= 64 ? UINT64_C(1) << (slot - 1) : 0;
    }
    return slots;
}

void connection_release_refused(void)
{
    uint32_t most = atomic_load_explicit(&highest, memory_order_relaxed);
    for (int fd = 0; fd <= (int)most; fd++) {
        const struct connection *connection = connection_of(fd);
        if (connection && connection_role(connection) == CONNECTION_SERVER &&
            atomic_load_explicit(&connection->refused, memory_order_relaxed))
            connection_release(fd);
    }
}

uint64_t connection_outliving(void)
{
    uint64_t slots = 0;
    uint32_t most = atomic_load_explicit(&highest, memory_order_relaxed);
    for (int fd = 0; fd <= (int)most; fd++) {
        struct connection *connection = connection_of(fd);
        if (!connection || connection_role(connection) != CONNECTION_SERVER)
            continue;
        int flags = os.fcntl(fd, F_GETFD);
        if (flags >= 0 && !(flags & FD_CLOEXEC))
            slots |= waiting_slots(&connection->flow.channel.pipeline);
    }
    return slots;
}
