// SPDX-License-Identifier: Apache-2.0
/* queue.h - this process's region, and how finished spans get into it.
 *
 * Most processes that are prepared, masters and short-lived children, never have a request or span;
 * so the region is made with the first, and the exporter starts with the first that has finished.
 *
 * Settings are written in the constructor, before the gate opens; the regions by whoever makes
 * them, once, and by a forked child before it observes anything. They are only read otherwise, so
 * there is no lock. */
#ifndef AGENT_QUEUE_H
#define AGENT_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/queue/region.h"
#include "agent/queue/rest.h"
#include "agent/span/span.h"
#include "config/config.h"

/* The exporter, as far as the queue needs one; each may be NULL in tests. */
struct queue_exporter {
    void (*place)(struct region_place *place); /* where this process's region is to be */
    bool (*start)(void); /* with the first finished span; idempotent. False: ask once more */
    /* What tells this process's spans from its parent's, where it is a forked child. */
    void (*identify)(struct span_process *process);
    void (*wake)(void); /* the queue is filling */
};

struct queue {
    struct region region;
    /* The parent's: to take requests in flight over from (`inherits`), or to lodge in. */
    struct region inherited;
    bool inherits;
    bool lodges;
    size_t records;     /* that may wait */
    bool has_exporters; /* false (`none`): spans go nowhere */
    struct queue_exporter exporter;
};

extern struct queue queue;

void queue_init(const struct config *config, const struct queue_exporter *exporter);

/* Makes the region, with the first request or span of a process. A load and a compare afterwards.
 * False where there is no memory. */
bool queue_make_region(void);
bool queue_has_region(void);

/* A finished span on its way: counted, then written into the ring or dropped and counted. */
void queue_hand_over(const struct span_record *record);

/* Ends the rest, if it is one. Any thread, also in a signal handler. Keeps errno. */
__attribute__((cold)) void queue_rouse(void);

/* Something has begun that the thread gives signs of life for. It was written before. */
static inline void queue_say_begun(void)
{
    /* For the compiler only; rest.h says why that will do. */
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&rest_state, memory_order_relaxed) == REST_RESTS)
        queue_rouse();
}

/* Starts the exporter where there is something to say and no span yet. */
__attribute__((cold)) void queue_begin_exporting(void);

/* A process of the family has left something (family.h), or this one forks children that answer:
 * where nobody else has heard of it, this one's exporter starts, if only to look after that. Its
 * children lodge here from now on (lodging.h). */
__attribute__((cold)) void queue_inherit(void);

/* In a forked child the region is the parent's, and what waits there. Some of the requests that are
 * being answered there the child may take over: */
enum queue_kept {
    QUEUE_KEPT_NONE,
    QUEUE_KEPT_PARENTS, /* from that one, */
    QUEUE_KEPT_OLDER    /* or from the one that its parent has inherited */
};
void queue_forked(enum queue_kept kept);

/* Later, when it is known what tells it from its parent: it lodges there, if it may. */
void queue_lodge(void);

#endif
