// SPDX-License-Identifier: Apache-2.0
#include "agent/net/sending.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "agent/base/stack.h"
#include "agent/net/connection.h"

#define PAGE_BYTES ((uintptr_t)4096)
#define PARTS_MOST 1024 /* the kernel takes no more */
#define TRIES      10   /* acknowledgements may come between two questions */

__thread struct sending *tl_sending;

/* ---- what the kernel has taken ---- */

static bool ask_acknowledged(int fd, uint64_t *bytes)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    /* Since Linux 4.1; older ones tell less. */
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        length < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
        return false;
    *bytes = info.tcpi_bytes_acked;
    return true;
}

/* Since the connection was accepted: what the other end acknowledged, and what it has not yet. */
static bool ask_taken(int fd, uint64_t *bytes)
{
    uint64_t before, after;
    int waiting;
    for (int i = 0; i < TRIES; i++) {
        if (!ask_acknowledged(fd, &before) || ioctl(fd, SIOCOUTQ, &waiting) != 0 || waiting < 0 ||
            !ask_acknowledged(fd, &after))
            return false;
        *bytes = after + (uint64_t)waiting;
        if (before == after)
            return true;
    }
    return false;
}

/* ---- what the call was to send ---- */

/* The program's addresses may be wrong, which is the kernel's to report. */
static bool can_read(const void *at, size_t bytes)
{
    uintptr_t from = (uintptr_t)at;
    if (bytes > UINTPTR_MAX - from)
        return false;
    for (uintptr_t page = from; page < from + bytes; page = (page & -PAGE_BYTES) + PAGE_BYTES)
        if (!stack_can_read_word(page & -(uintptr_t)sizeof(uint64_t)))
            return false;
    return true;
}

struct load {
    struct iovec own; /* the only part, where there is no vector */
    const struct iovec *parts;
    size_t count;
    size_t bytes;
};

static bool find_parts(const struct sending *sending, struct load *load)
{
    *load = (struct load){.own = {(void *)sending->from, sending->count}, .count = 1};
    load->parts = &load->own;
    if (sending->what == SENDING_UNSEEN)
        load->own.iov_base = NULL;
    if (sending->what == SENDING_PARTS) {
        load->parts = sending->from;
        load->count = sending->count;
    }
    if (sending->what == SENDING_MESSAGE) {
        const struct msghdr *message = sending->from;
        if (!can_read(message, sizeof *message))
            return false;
        load->parts = message->msg_iov;
        load->count = (size_t)message->msg_iovlen; /* an int with other C libraries */
    }
    return sending->what != SENDING_UNKNOWN && load->count <= PARTS_MOST &&
           can_read(load->parts, load->count * sizeof *load->parts);
}

static bool find_load(const struct sending *sending, struct load *load)
{
    if (!find_parts(sending, load))
        return false;
    for (size_t i = 0; i < load->count; i++) {
        const struct iovec *part = &load->parts[i];
        if (sending->what != SENDING_UNSEEN && !can_read(part->iov_base, part->iov_len))
            return false;
        load->bytes += part->iov_len;
    }
    return true;
}

/* ---- */

/* A call that was cut short has not answered, and the rest is not sent any more. */
static void settle(struct connection *connection, const struct sending *sending)
{
    struct load load;
    uint64_t taken;
    if (!find_load(sending, &load) || !ask_taken(sending->fd, &taken) ||
        taken - connection->sent_bytes > load.bytes) {
        connection_make_opaque(connection, true);
        return;
    }
    taken -= connection->sent_bytes;
    if (sending->what == SENDING_UNSEEN && taken)
        stream_sent(connection, NULL, taken, sending->time_ns);
    else if (taken == load.bytes)
        for (size_t i = 0; i < load.count; i++)
            if (load.parts[i].iov_len)
                stream_sent(connection, load.parts[i].iov_base, load.parts[i].iov_len,
                            sending->time_ns);
}

/* Not that of a call which the thread left by a jump: its frame lies below, or is written over. */
static bool is_under_way(const struct sending *sending, uintptr_t here, uintptr_t end)
{
    uintptr_t at = (uintptr_t)sending;
    if (at < here || at >= end || end - at < sizeof *sending || !sending->connection)
        return false;
    return connection_of(sending->fd) == sending->connection &&
           (int32_t)(sending->claim >> 32) == context_thread_id();
}

void connection_process_ends(uintptr_t here, uintptr_t end)
{
    const struct sending *sending = tl_sending;
    if (!is_under_way(sending, here, end))
        return;
    struct connection *connection = sending->connection;
    if (connection_role(connection) != CONNECTION_SERVER ||
        !connection_come_back(connection, SIDE_OUT, sending->claim))
        return;
    settle(connection, sending);
    connection_unclaim(connection, SIDE_OUT);
}
