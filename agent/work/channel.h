// SPDX-License-Identifier: Apache-2.0
/* channel.h - what of a server connection tells whose work a thread does: the requests that are
 * open on it, and who reads them.
 *
 * A part of the connection, because both live as long. Threads remember the channel that they read
 * last; its serial tells them whether it is another connection's by now. */
#ifndef AGENT_CHANNEL_H
#define AGENT_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/work/pipeline.h"

struct channel {
    _Atomic uint32_t serial;     /* no later connection's: contexts outlive one */
    _Atomic uint32_t references; /* descriptors */
    _Atomic int fd;      /* by which a thread came to it last, or the first; may be closed by now */
    _Atomic bool shut;   /* nothing can be answered any more */
    uint32_t newest;     /* generation of the newest request's exchange */
    uint32_t reads_from; /* place in the pipeline of the first request this call reads of */
    uint32_t reader;     /* evidence_thread() of who moved the last byte of a request */
    struct pipeline pipeline;
};

/* Whom a client connection's bytes belong to: who asked there last, as far as that was sure. */
struct owner {
    uint32_t exchange; /* slot + 1; 0: not known */
    uint32_t generation;
};

/* Relaxed: it changes with the connection. */
static inline uint32_t channel_serial(const struct channel *channel)
{
    return atomic_load_explicit(&channel->serial, memory_order_relaxed);
}

#endif
