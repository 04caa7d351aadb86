// SPDX-License-Identifier: Apache-2.0
/* sending.h - a call that hands bytes to the kernel, while it lasts.
 *
 * A signal handler may end the process above such a call: the client has its answer, but nobody
 * comes back to look at it. So the call says what it sends before it does. At the end of the
 * process the kernel tells how many bytes it took on the connection since that was accepted; those
 * that were seen are counted, and if the call's are the ones that it took besides, they are what
 * was sent. */
#ifndef AGENT_SENDING_H
#define AGENT_SENDING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct connection;

enum sending_what {
    SENDING_UNKNOWN,
    SENDING_BYTES,   /* count bytes */
    SENDING_PARTS,   /* count struct iovec */
    SENDING_MESSAGE, /* a struct msghdr */
    SENDING_UNSEEN   /* at most count bytes of a file or a pipe */
};

/* In the frame of the hook. */
struct sending {
    struct connection *connection; /* NULL: nothing to do at the end */
    uint64_t claim;                /* of the direction that is owned meanwhile */
    uint64_t time_ns;
    int fd;
    enum sending_what what;
    const void *from;
    size_t count;
};

/* The thread's last one; its frame may have gone. */
extern __thread struct sending *tl_sending;

static inline void sending_note(struct sending *sending, enum sending_what what, const void *from,
                                size_t count)
{
    if (!sending->connection)
        return;
    sending->what = what;
    sending->from = from;
    sending->count = count;
    atomic_signal_fence(memory_order_release); /* a handler reads it */
    tl_sending = sending;
}

#endif
