// SPDX-License-Identifier: Apache-2.0
/* rest.h - the exporter's thread sleeps on while there is nothing for it.
 *
 * While spans come it looks by itself, and nobody has to wake it: a system call for each span would
 * cost more than the span. When none has come for a while, it says that it rests, in a word that
 * whoever brings something reads: threads of this process in `rest_state`, children that lodge
 * here in their parent's region. Who finds it so wakes the thread, once.
 *
 * Who brings something writes it first and reads the word then, and a processor may do that the
 * other way round. A fence for each span would be the cure, and costs more than all else here. So
 * the thread says that it rests a good while before it does (REST_SAID_NS), and looks in between:
 * what was written meanwhile by whoever has not seen the word yet is visible by then. Should
 * something be missed after all, it is found when the rest is over.
 *
 * Used by the exporter's thread, but for the last two. */
#ifndef AGENT_REST_H
#define AGENT_REST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/queue/region.h"

#define REST_SAID_NS 1000000000u  /* that it is said before it is done */
#define REST_NS      60000000000u /* as long as it lasts: a sign of life is due then (region.h) */

enum rest_state {
    REST_UNKNOWN, /* no thread exports, as far as is known: whoever finds it so too long asks */
    REST_RESTS,   /* it rests: whoever has something for it rouses it */
    REST_AWAKE    /* it looks by itself */
};
/* Of this process. Read relaxed; sequentially consistent for who rests, and who ends that. */
extern _Atomic uint32_t rest_state;

/* Is nothing in the region, which is this process's, or left to it by others? */
bool rest_is_possible(const struct region *region);

/* Says that the thread rests. False: it can't, because it is not known to export. */
bool rest_say(struct region *region);

/* Nobody has said otherwise since. */
bool rest_is_said(const struct region *region);

/* It rests no more. */
void rest_end(struct region *region);

/* Until it is woken, or for so long; not at all where `interrupted` (a word that whoever wakes it
 * sets before) is not 0. Has to be said before. */
void rest_sleep(const struct region *region, const _Atomic uint32_t *interrupted, uint64_t most_ns);

/* Ends the rest, where it is said, and wakes the thread. rest_wake() does so in any case. Any
 * thread, also in a signal handler. Keep errno. */
void rest_rouse(const struct region *region);
void rest_wake(const struct region *region);

#endif
