// SPDX-License-Identifier: Apache-2.0
/* quiet.h - since when there has been nothing to export: after a while the thread rests
 * (agent/queue/rest.h), and a process without spans is not woken for ours.
 *
 * Not while a request is being answered: should the process be killed, its span ends with the last
 * sign of life. Nor where the program's first thread has ended: with the last one ends the process,
 * and only this thread can tell. Used by the exporter's thread. */
#ifndef EXPORTER_QUIET_H
#define EXPORTER_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/queue/ring.h"

#define QUIET_NS 30000000000u /* without a span, before it rests */

struct quiet {
    uint64_t busy_ns;  /* when there was something last */
    uint64_t said_ns;  /* when it said that it rests; 0: it has not */
    uint64_t written;  /* records, up to then */
    uint64_t least_ns; /* how long it has to be quiet */
};

struct quiet quiet_begin(uint64_t schedule_delay_ns);

/* May the thread rest now? Asked whenever it has looked around. `busy`: something is to be done, or
 * was, that the ring does not show. */
bool quiet_may_rest(struct quiet *quiet, const struct ring *ring, bool busy);

#endif
