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

#include <stdbool.h>
#include <stddef.h>

#include "agent/queue/region.h"
#include "agent/span/span.h"
#include "config/config.h"

/* The exporter, as far as the queue needs one; each may be NULL in tests. */
struct queue_exporter {
    void (*place)(struct region_place *place); /* where this process's region is to be */
    bool (*start)(void); /* with the first finished span; idempotent. False: ask once more */
    void (*wake)(void);  /* the queue is filling */
};

struct queue {
    struct region region;
    struct region inherited; /* the parent's, while requests in flight may be taken over from it */
    size_t records;          /* that may wait */
    bool has_exporters;      /* false (`none`): spans go nowhere */
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

/* Starts the exporter where there is something to say and no span yet. */
__attribute__((cold)) void queue_begin_exporting(void);

/* A process of the family has left something (family.h): where nobody else has heard of it, this
 * one's exporter starts, if only to look after that. */
__attribute__((cold)) void queue_inherit(void);

/* In a forked child: the region is the parent's, and what waits there. `in_flight`: of requests
 * that are being answered the child may take over some. */
void queue_forked(bool in_flight);

#endif
