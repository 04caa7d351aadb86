// SPDX-License-Identifier: Apache-2.0
/* renewal.h - how long the collector's addresses, and the connection to it, are believed.
 *
 * A minute at most, and no longer than a post that was not accepted: a name may have got another
 * address, and behind one address there may be several collectors, of which one is ill. Pure: times
 * are arguments, in nanoseconds on one clock. */
#ifndef EXPORTER_RENEWAL_H
#define EXPORTER_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#define RENEWAL_NS ((uint64_t)60 * 1000000000u)

/* All zero: nothing is known, and everything due. */
struct renewal {
    bool begun;
    bool refused;         /* the last post was not accepted */
    uint64_t renewed_ns;  /* the last time that was begun */
    uint64_t answered_ns; /* the resolver's last answer, or its failure */
    uint64_t rest_ns;     /* for so long it is not asked again */
};

/* Before a post: whether it needs another connection than the one that is kept. */
bool renewal_due(const struct renewal *renewal, uint64_t now_ns);

/* Whether the name may be looked up for that. A resolver that answers at once is asked each time,
 * but for attempts that follow each other within half a second; one that takes its time, a tenth
 * of the time at most, and after a minute at the latest. */
bool renewal_may_look_up(const struct renewal *renewal, uint64_t now_ns);

/* It was looked up, with or without success. */
void renewal_looked_up(struct renewal *renewal, uint64_t begun_ns, uint64_t ended_ns);

/* The addresses are as good as can be had, and a connection is made now. */
void renewal_begin(struct renewal *renewal, uint64_t now_ns);

/* What became of a post: `status` 0 where it was not answered. */
void renewal_judge(struct renewal *renewal, int status);

#endif
