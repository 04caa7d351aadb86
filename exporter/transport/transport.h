// SPDX-License-Identifier: Apache-2.0
/* transport.h - one post to a collector, whatever carries it.
 *
 * A small table of functions, so that plain sockets (http.h) and others can be told apart in one
 * place only. All functions but the first two are called on the exporter's thread; a post blocks,
 * but never beyond its deadline, nor beyond the moment at which the process wants to be gone. */
#ifndef EXPORTER_TRANSPORT_H
#define EXPORTER_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "agent/base/clock.h"
#include "agent/base/slice.h"

/* How long a wait inside a transport lasts at most before it looks at `stop_ns` again. */
#define TRANSPORT_SLICE_MS 50

struct transport_post {
    const struct iovec *pieces; /* the body */
    int count;
    size_t bytes;
    bool gzip;            /* the body is compressed */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC */
    /* Not 0: the process is ending, and this is its deadline, on the same clock. Written by the
     * thread that ends it, in no order with anything else. */
    const _Atomic uint64_t *stop_ns;
};

enum transport_outcome {
    TRANSPORT_ANSWERED, /* status, retry_after and body are set */
    TRANSPORT_FAILED,   /* connection failure or time-out: another try may work */
    TRANSPORT_REFUSED   /* no such transport, or the answer is not HTTP: no use in trying again */
};

struct transport_answer {
    int status;
    struct slice retry_after; /* the field's value; absent: none */
    struct slice body;        /* both valid until the next post */
    char error[200];          /* FAILED and REFUSED: what happened, for people */
    const char *advice;       /* with `error`: what to look at; NULL: nothing special */
};

struct transport;

struct transport_operations {
    /* Looks up addresses and whatever else must happen before a chroot. Leaves nothing open. Any
     * thread, once. */
    void (*prepare)(struct transport *transport);
    /* Whether it asks a resolver for that, and so may take long. */
    bool (*asks)(const struct transport *transport);
    enum transport_outcome (*post)(struct transport *transport, const struct transport_post *post,
                                   struct transport_answer *answer);
    /* Closes the connection, where it is still ours. */
    void (*close)(struct transport *transport);
    /* Whether the collector is on this machine: then compressing only costs. */
    bool (*local)(const struct transport *transport);
};

/* The first member of each transport. */
struct transport {
    const struct transport_operations *operations;
};

/* Milliseconds left for a post, 0 once its time is over, rounded up. */
static inline int transport_left_ms(const struct transport_post *post)
{
    uint64_t now = clock_monotonic_ns();
    uint64_t stop = atomic_load_explicit(post->stop_ns, memory_order_relaxed);
    uint64_t deadline = stop && stop < post->deadline_ns ? stop : post->deadline_ns;
    if (deadline <= now)
        return 0;
    uint64_t left_ms = (deadline - now + 999999) / 1000000;
    return left_ms > 3600000 ? 3600000 : (int)left_ms;
}

/* Once `status` is known, which tells whether the spans were accepted: the body only says why not,
 * or which of them were not. A process that ends waits for that no longer than this. Any number of
 * times. */
#define TRANSPORT_BODY_NS 50000000u

static inline void transport_hurry(struct transport_post *post, int status)
{
    uint64_t soon = clock_monotonic_ns() + TRANSPORT_BODY_NS;
    bool ending = atomic_load_explicit(post->stop_ns, memory_order_relaxed) != 0;
    if (ending && status >= 200 && soon < post->deadline_ns)
        post->deadline_ns = soon;
}

#endif
