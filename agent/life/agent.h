// SPDX-License-Identifier: Apache-2.0
/* agent.h - what is one per process: settings in the form the request path wants them, and the
 * way out to the exporter.
 *
 * Written in the constructor, before the gate opens, and by a forked child before it observes
 * anything; only read otherwise, so no lock. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/thread.h"
#include "agent/libraries/s3/s3.h"
#include "agent/life/life.h"
#include "agent/protocols/http/capture.h"
#include "agent/queue/region.h"
#include "agent/span/sampler.h"
#include "agent/text/ignore.h"
#include "agent/text/redact.h"
#include "agent/text/route.h"
#include "config/config.h"

/* The exporter, as agent/main.c hands it in: the agent does not know it. Each may be NULL in
 * tests. */
struct agent_exporter {
    void (*init)(void);              /* with the first connection or span */
    void (*prepare)(void);           /* at the first listen(): open what is needed later */
    bool (*start)(void);             /* at the first finished span; idempotent */
    void (*await_start)(void);       /* returns when nobody is at starting it */
    void (*wake)(void);              /* the queue is filling */
    void (*stop)(uint64_t bound_ns); /* flush and stop within the bound */
    void (*child)(void);             /* in a forked child */
    void (*place)(struct region_place *place); /* where this process's region is to be */
};

struct agent {
    struct config config;
    struct sampler sampler;
    struct redact redact;
    struct route_patterns route_patterns;
    struct route_tree route_tree;
    struct s3_endpoints s3_endpoints;
    struct ignore ignore;
    struct capture request_capture;
    struct capture response_capture;
    struct region region;
    struct region inherited; /* the parent's, while requests in flight may be taken over from it */
    struct agent_exporter exporter;
};

extern struct agent agent;

extern _Atomic bool agent_gate;

/* Nothing is observed before the gate is open. Relaxed: a call that finds it closed a moment too
 * long only misses a connection that was made before. */
static inline bool agent_gate_open(void)
{
    return atomic_load_explicit(&agent_gate, memory_order_relaxed);
}

/* Opens the gate. Nothing else is done yet, and no memory taken: programs that never serve and
 * never send a span do not pay for it. */
void agent_open(void);

/* In a child that was forked, and is not known yet: puts the process in order, or returns false
 * where another thread is at it. */
__attribute__((cold)) bool agent_settle(void);

/* May this call be observed: gate open, not the exporter's thread. After a fork, the first
 * caller in the child puts the process in order; while it does, others find this false. */
static inline bool agent_enter(void)
{
    return agent_gate_open() && !thread_is_own() && (!life_settling() || agent_settle());
}
/* The same for what changes what is known of descriptors: in the child of a vfork() that would be
 * changed in its parent's memory, whose descriptors are others. */
bool agent_enter_own_process(void);

/* The process has its first connection or span: settings are compiled, memory is taken, the
 * exporter looks around. Once; a load and a compare afterwards. False where memory can't be had
 * (then nothing is recorded). */
bool agent_prepare(void);

/* The process listens: also what a later change of root directory would put out of reach. */
void agent_listen(void);

/* Makes the memory that spans wait in, with the first request or span of a process: most processes
 * that are prepared, masters and short-lived children, never need it. A load and a compare
 * afterwards. False where there is none. */
bool agent_make_region(void);

/* Has agent_prepare() been done, with success? */
bool agent_is_prepared(void);

/* A finished span on its way: counted, then written into the ring or dropped and counted; the
 * exporter starts with the first. */
void agent_hand_over(const struct span_record *record);

/* A filter of system calls is about to be installed: the exporter starts before. With `strictly`
 * the calling thread is not observed any more: the kernel will kill it for any call but read() and
 * write(), and for a look at the clock, whose counter it may not read. */
void agent_restrict(bool strictly);

/* Starts the exporter where there is something to say and no span yet. */
__attribute__((cold)) void agent_begin_exporting(void);

/* A process of the family has left something (family.h): where nobody else has heard of it, this
 * one's exporter starts, if only to look after that. */
__attribute__((cold)) void agent_inherit(void);

/* The process ends (`for_good`): what is pending is sent, for at most AGENT_LEAVING_NS, or left to
 * others. Or it is about to become another program, which never waits: then all is left to that
 * one, or to others. Only in the process that the agent belongs to: a child of vfork() has our
 * memory but not our threads. */
#define AGENT_LEAVING_NS 1000000000u
void agent_leave(bool for_good);

/* In a child of fork(), first of all: its parent knows of it, unlike that of a bare clone. */
void agent_note_fork(void);

/* Does this process own the memory it runs in? Not so in a child of vfork(). */
bool agent_in_own_process(void);

/* A number that tells this process from its parent, whose memory it may have a copy of. */
uint32_t agent_process(void);

#endif
