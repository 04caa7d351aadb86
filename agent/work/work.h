// SPDX-License-Identifier: Apache-2.0
/* work.h - whom the calling thread works for, as far as a server connection's bytes tell.
 *
 * A thread that has read of a request works for it; but where several wait for their answers, or
 * other threads read and answer there, too, often nobody can say for which. What a thread works for
 * is known first, and whether that is sure is asked when it matters (evidence.h). */
#ifndef AGENT_WORK_H
#define AGENT_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/work/channel.h"

/* Does it work for that entry's exchange? The entry may be over by now. */
bool work_is_for(uint32_t entry);

/* It works for the request at `place` of the pipeline, if that still waits for its answer. */
void work_for(struct channel *channel, uint32_t place);

/* It is about to read, by that descriptor. `in_head`, `in_body`: of a request that has begun. */
void work_reads(struct channel *channel, int fd, bool in_head, bool in_body);
/* Has it ever read of more than one? */
bool work_has_changed_connections(void);
/* It has read a request's head; NULL where there was no room for its exchange. */
void work_begins(const struct channel *channel, const struct exchange *exchange);
/* It has read. */
void work_for_what_was_read(struct channel *channel);

/* It has answered the request it works for. Is the next one of the connection its next?
 * `waits`: does a read there wait until something comes? Asked where it matters. */
typedef bool reads_wait(const struct channel *channel);
bool work_goes_on_with(const struct channel *channel, uint32_t next, reads_wait *waits);
/* It has answered the request it works for, and there is no next one. */
void work_has_answered(void);
/* It has read of a server connection what is not understood. */
void work_read_unknown(void);
/* It asked for more, of a request's body with `in_body`, and there was none: it may leave the rest
 * to others. */
void work_nothing_read(const struct channel *channel, bool in_body);
/* It made a loop wait for the connection: a thread that is none has left it. */
void work_registered(const struct channel *channel);
/* It waited for the connection of that serial and no other. */
void work_waited_for(uint32_t serial);

/* What it does next may be for a request of this connection that was not seen. */
void work_leave(const struct channel *channel);

/* It forked while it worked for a request that is open here, and has neither waited nor read since:
 * then its close leaves the connection to the child. */
bool work_is_left_to_child(const struct channel *channel);

/* A call of a client library begins. If the thread's context is sure, its exchange knows of the
 * call from now on; else it is doubtful from now on. */
void work_call(void);

/* The same for a request on a client connection, which is a call that nobody records. */
struct owner work_owner(void);

/* Bytes came on a client connection of that owner: a loop may go on with what they belong to. */
void work_client_read(struct owner owner);

/* For tests: this thread has read nothing yet. */
void work_reset(void);

/* It waited where it waits for several connections: what is next may be anybody's. */
void work_waited(void);

#endif
