// SPDX-License-Identifier: Apache-2.0
/* agent.h - the agent's life in a process: what is done in which order when the gate opens, when
 * the first connection or span is there, in a forked child, and at the end.
 *
 * What is done is known in the rooms below, each of which has settings and memory of its own. They
 * are written before the gate opens, or by the preparation (preparation.h), and by a forked child
 * before it observes anything; only read otherwise, so no lock. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/thread.h"
#include "agent/life/life.h"
#include "agent/queue/region.h"
#include "agent/span/span.h"
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
    void (*place)(struct region_place *place);      /* where this process's region is to be */
    void (*identify)(struct span_process *process); /* after child() */
};

extern _Atomic bool agent_gate;

/* Nothing is observed before the gate is open. Relaxed: a call that finds it closed a moment too
 * long only misses a connection that was made before. */
static inline bool agent_gate_open(void)
{
    return atomic_load_explicit(&agent_gate, memory_order_relaxed);
}

/* Opens the gate. Nothing else is done yet, and no memory taken: programs that never serve and
 * never send a span do not pay for it. `config` stays where it is and as it is. */
void agent_open(const struct config *config, const struct agent_exporter *exporter);

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
/* The same, for what can't be made up for later: waits for another thread that puts a forked child
 * in order, 0.1 s at most. (No handler comes here above that thread: its signals are held.) */
bool agent_enter_settled(void);

/* The process listens: also what a later change of root directory would put out of reach. */
void agent_listen(void);

/* A filter of system calls is about to be installed: the exporter starts before. With `strictly`
 * the calling thread is not observed any more: the kernel will kill it for any call but read() and
 * write(), and for a look at the clock, whose counter it may not read. */
void agent_restrict(bool strictly);

/* The process ends (`for_good`): what is pending is sent, for at most AGENT_LEAVING_NS, or left to
 * others. Or it is about to become another program, which never waits: then all is left to that
 * one, or to others. Only in the process that the agent belongs to: a child of vfork() has our
 * memory but not our threads. */
#define AGENT_LEAVING_NS 1000000000u
void agent_leave(bool for_good);

/* It has not become another program. */
void agent_stay(void);

/* In a child of fork(), first of all: its parent knows of it, unlike that of a bare clone. */
void agent_note_fork(void);

#endif
