// SPDX-License-Identifier: Apache-2.0
/* heir.h - this process as the heir of others: it sends what processes of its service left behind
 * that were killed, became another program, or could not wait for the collector
 * (agent/queue/recovery.h).
 *
 * A process that ends while it sends them may not hear that they have arrived, and then the next
 * one sends them again. So one that has hardly begun begins nothing: it may be a short one. At its
 * end it knows how long it may wait.
 *
 * Used by the exporter's thread. */
#ifndef EXPORTER_HEIR_H
#define EXPORTER_HEIR_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter/outlet.h"

struct heir {
    struct outlet *outlet;
    uint64_t begun_ns;
    uint64_t looked_ns; /* for others' spans; 0: not yet */
    bool (*called)(void);
    bool (*relieved)(void);
    unsigned listens; /* above 0: somebody called not long ago */
    bool heard;       /* somebody has called since the last look */
    unsigned again;   /* so many looks in a row came across one that somebody else had */
    bool more;        /* there may be more than the last look has found */
};

/* Each may be NULL. `called`: have others just left something to this process? `relieved`: is there
 * another one that looks after what is left? */
struct heir heir_begin(struct outlet *outlet, bool (*called)(void), bool (*relieved)(void));

/* Has somebody just called? Asked while it waits. */
bool heir_is_called(struct heir *heir);

/* Is it at it, or listening for more? Else it looks no more often than anybody asks. */
bool heir_is_busy(const struct heir *heir);

/* How long it may wait at most until that is asked again. */
uint64_t heir_listen_ns(const struct heir *heir, uint64_t most_ns);

/* How long it has nothing to do, at most. */
uint64_t heir_idle_ns(const struct heir *heir);

/* Sends what others left, where it is time for that: before this process's own spans, which are
 * younger. `due`: those are about to be sent. */
void heir_look(struct heir *heir, bool due);

/* At the end, before this process's own spans: a process that never had time to look sends what one
 * other left. Else the spans of a killed process would wait for ever where all are short, and their
 * collector is slow. True: there may be more, for heir_inherit(), when its own are gone. */
bool heir_begin_end(struct heir *heir);

/* Sends what there is, a bounded number of processes at a time; while this one ends, of one only,
 * and no more than there is time for. False: there is nothing more, or no time. */
bool heir_inherit(struct outlet *outlet);

#endif
