// SPDX-License-Identifier: Apache-2.0
/* exchange_inheritance.h - requests in flight over a fork.
 *
 * A request that was in flight when this process was forked is the parent's and the child's, and
 * one of them is to report it: the one that answers. Each has an exchange for it, and both look at
 * one word, `in_flight` in the request's place in the parent's region (region.h), which the child
 * keeps mapped.
 *
 * What a process takes an exchange for is in its own memory:
 *
 *   EXCHANGE_OWN     It is this process's: begun here, or taken over. Its record lies in this
 *                    process's region, where that has a place for it, else in its text.
 *   EXCHANGE_FORKED  Begun in the parent, which knows of the fork: when it closes the connection it
 *                    leaves the request to the child (exchange_forget). The text holds the record
 *                    as it was before the fork.
 *   EXCHANGE_CLONED  The parent does not know: past fork(), by _Fork() or a bare system call. Its
 *                    record is read when it is taken over, in the parent's place.
 *
 *   OWN -> FORKED, CLONED   exchange_forked(), in the child, which has one thread and observes
 *                           nothing yet: not atomic. One whose record lies in a text stays OWN in
 *                           both processes. So does what its parent began in a grandchild that
 *                           keeps an older region mapped already, for one is kept.
 *   FORKED, CLONED -> OWN   exchange_take_over(), when this process moves a byte of it: by the
 *                           thread that owns that direction. Whether it goes on being recorded, the
 *                           word says.
 *
 * The word, which both processes see (and an heir, once the parent has been killed):
 *
 *   0 -> id         exchange_told(), or a child that has taken it over, in its own region. Release:
 *                   who sees the id sees the record.
 *   id -> ENDING    the owner ends it (region_take_open): CAS, acquire and release; before that
 *                   nobody else can have taken it, afterwards nobody can. It notes the id in
 *                   `ended`, release.
 *   ENDING -> 0     its record is in the ring. Release: who sees 0 sees `ended`.
 *   id -> 0         exchange_forget(), release: the owner leaves it to the child. Or the child
 * takes it over: CAS, acquire pairs with the release of the id.
 *
 * A child has won if its CAS did. A FORKED one has also won where it finds 0, or another id, and
 * `ended` is not this id: then the parent has left it. A CLONED one has not, because its parent
 * leaves nothing to it, and uses the place again. */
#ifndef AGENT_EXCHANGE_INHERITANCE_H
#define AGENT_EXCHANGE_INHERITANCE_H

#include <stdbool.h>

#include "agent/queue/queue.h"

struct exchange;

enum exchange_inherited { EXCHANGE_OWN, EXCHANGE_FORKED, EXCHANGE_CLONED };

/* Before a fork: copies what is known of requests in flight, because the parent will go on, and use
 * its region for others, before the child looks. */
void exchange_forking(void);

/* In a forked child, while the parent's region is still mapped: requests in flight are marked as
 * inherited. `known`: exchange_forking() has run. Which region can tell about any, and so has to
 * stay mapped, as queue.inherited. */
enum queue_kept exchange_forked(bool known);

/* This process moves a byte of the exchange: if it was inherited, and nobody else has reported it,
 * it is this process's from now on. */
void exchange_take_over(struct exchange *exchange);

/* Do requests in flight lie in the parent's region? Where they do, and the process is about to
 * become another program: those of them whose connection goes on there, a bit for each slot; or
 * that has failed. */
bool exchange_lodges(void);
void exchange_replacing(uint64_t handed_on);
void exchange_staying(void);

/* The process ends: so does what is open here, but for what was inherited and not taken over. */
void exchange_process_ends(void);

#endif
