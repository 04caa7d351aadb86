// SPDX-License-Identifier: Apache-2.0
/* lodging.h - children that answer one request, and leave its spans in their parent's region.
 *
 * A server that forks for each connection has as many processes as requests. A file, a thread and a
 * post of its own for each would cost more than the request. So a parent that forks between two
 * connections, and has a thread that exports, lets its children lodge: the region stays mapped in
 * them, they write finished spans into its ring, and what they are answering lies in a place of the
 * region, so that it is told of a child that is killed, too. A span says of which process it is
 * (span_say_process). A child that goes on for long, or that finds the ring filling, gets a region
 * of its own.
 *
 * Each hold is short: a request, or the writing of a record. Who has one is written in the region,
 * because a parent may end meanwhile, and be followed by an heir that reads the ring as if nobody
 * wrote there. So whoever is about to read it for the last time closes it first and looks who is in
 * afterwards; and who comes in says so first and looks whether it is closed afterwards. Both are
 * sequentially consistent: one of them sees the other.
 *
 * Children that are about to become another user, or whose parent has gone, do not lodge. */
#ifndef AGENT_LODGING_H
#define AGENT_LODGING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/queue/region.h"
#include "agent/span/span.h"

#define LODGING_SPANS 64 /* more of one child: it is none that answers one request */

enum lodging { LODGING_NEVER, LODGING_OPEN, LODGING_CLOSED };

static inline bool lodging_was_opened(const struct region_header *header)
{
    return atomic_load_explicit(&header->lodging, memory_order_relaxed) != LODGING_NEVER;
}

/* ---- the parent's ---- */

/* Children that are forked from now on may lodge there, until it is closed for good. */
void lodging_open(struct region *region);
void lodging_close(struct region *region);

/* Closes it, also where it was never opened. True: no child writes to the ring, or will. */
bool lodging_end(struct region *region);

/* Closes the region that lies in that file, whose process has ended: who lodged there still? True:
 * nobody who lives, or nobody can say (not `here`, in this pid namespace). `header` is of that
 * file, and is read again. */
bool lodging_close_file(int fd, bool here, struct region_header *header);

/* Instead of a signal: it became another program (exec), which has the connection, or has not. */
#define LODGING_HANDED_ON 0x100u
#define LODGING_REPLACED  0x101u

/* That child was ended by that signal. Any thread. */
void lodging_note_signal(struct region *region, uint32_t pid, uint32_t signal);

/* The request that a child was answering when it ended, which nobody else will report. `record` may
 * be written to and has room for REGION_OPEN_BYTES - 16; `signal` is 0 where nobody knows, or
 * one of these. */
typedef void lodging_ended(struct region *region, struct span_record *record, uint32_t signal);

/* Whoever has ended gives its place back. On the thread that exports, now and then. */
void lodging_look(struct region *region, lodging_ended *ended);

/* The place of that number, 0..REGION_LODGERS-1, if it has memory; else NULL. */
struct region_open *lodging_place(const struct region *region, uint32_t number);

/* What became of the span with that id that was in flight in the place of that number, in that use
 * of it, and is not any more: it has been reported, or left to who else knows of it; or it was too
 * long ago. `found` is what is in flight there now. */
enum lodging_fate { LODGING_REPORTED, LODGING_LEFT, LODGING_UNKNOWN };
enum lodging_fate lodging_fate(const struct region *region, uint32_t number, uint32_t use,
                               uint64_t id, uint64_t found);

/* ---- the child's ---- */

/* In a forked child, whose parent's region that is: may it lodge there? */
bool lodging_is_offered(const struct region *region);

/* It lodges there; NULL: nowhere. Before it observes anything. `keeps`: that stays mapped whatever
 * happens. */
void lodging_begin(struct region *host, bool keeps);

/* It lodges there no more, and its parent's region is unmapped, at the latest with the end of the
 * requests that lie there. Before it becomes another user, or may be taken over by a stranger: what
 * he could write to is read by its parent. Keeps errno. lodging_quit_now() unmaps it at once or
 * never. */
void lodging_quit(void);
void lodging_quit_now(void);

/* What lies there stays mapped until it is released; false: it is not mapped. For who looks at
 * places that other threads have. */
bool lodging_hold(void);
void lodging_release(void);

/* A place for a request, which has a number above 0; 0 where there is none. */
uint32_t lodging_take(void);
struct region_open *lodging_taken(uint32_t place);
void lodging_give_back(uint32_t place);

/* The number of the use that this process makes of its place. */
uint32_t lodging_use(uint32_t place);

/* Who has that place, if it is this process, is about to become another program; 0: that has
 * failed.
 */
void lodging_note_exec(uint32_t place, uint32_t how);

/* The record is in the parent's ring. False: this process has to see to it. */
bool lodging_send(const struct span_record *record);

#endif
