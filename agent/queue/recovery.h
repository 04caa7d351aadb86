// SPDX-License-Identifier: Apache-2.0
/* recovery.h - the spans of processes that can't send them any more.
 *
 * A process that was killed leaves its region as a file. The next process of the same service, or
 * one that runs beside it, takes it over: finished spans are sent as they are, with the resource of
 * their process, and spans in flight end with the reason, as far as it is known. Whoever holds the
 * lock on a file reads it; if he is killed, too, the next begins where he last released. The file
 * is removed when all is sent.
 *
 * Used by the exporter's thread, but where it says otherwise. Files of other users, links, and what
 * is not a region are left alone. */
#ifndef AGENT_RECOVERY_H
#define AGENT_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/queue/region.h"
#include "agent/queue/ring.h"
#include "agent/span/span.h"

struct recovery {
    struct ring *ring;      /* already adopted */
    struct slice resource;  /* an encoded Resource message; nobody has checked it */
    int64_t unix_offset_ns; /* for the times of all its records */
};

/* Takes the region of a process of our service that has ended. False: there is none (any more). */
bool recovery_begin(struct recovery *recovery);

/* When that was false: somebody else has one just now, who may only have looked what it is, or may
 * end before all of it is sent. */
bool recovery_is_held(void);

/* A span that was in flight, ended; each once. `record` has room for RING_RECORD_BYTES_MAX. Returns
 * its length, 0: no more. After the ring, because a span that is in the ring has ended. */
uint32_t recovery_next_open(struct recovery *recovery, struct span_record *record);

/* The record in the ring was seen: it is not in flight. */
void recovery_saw(struct recovery *recovery, const struct span_record *record);

/* A child that lodged in `region`, which is this process's (lodging.h), has ended: its request
 * does, too, and goes into the ring. */
void recovery_end_lodgers(struct region *region, struct span_record *record, uint32_t signal);

/* As ring_note() and ring_noted(), but of spans in flight as well: about all that were given out.
 * `what` fits in 20 bits. */
void recovery_note(struct recovery *recovery, uint32_t what);

/* About the next one in flight; ring_noted() tells it of those in the ring. */
uint32_t recovery_noted(const struct recovery *recovery);

/* What has been given out, from the ring and of those in flight, has been passed on: nobody else is
 * to find it. After ring_release(). */
void recovery_settle(struct recovery *recovery);

/* `all`: everything has been passed on, the file goes. Else the next one finds it again. */
void recovery_end(struct recovery *recovery, bool all);

/* Removes what this user's killed processes of other services left where that is nothing, or spans
 * for which nobody has come in a day: how many that were is said as a warning. Not where another
 * process has found many of them within the last hour. */
void recovery_sweep(void);

/* A child of this process, of whatever service, was ended by that signal: written into what it
 * left, for those who take it over. Any thread. Only a parent knows. */
void recovery_note_signal(uint32_t pid, uint32_t signal);

/* Where to look, and for whom. Before the exporter's thread begins. */
void recovery_init(const char *directory, uint64_t key);

#endif
