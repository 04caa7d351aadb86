// SPDX-License-Identifier: Apache-2.0
/* work.h - whom the calling thread works for, as far as a server connection's bytes tell.
 *
 * A thread that has read of a request works for it; but where several wait for their answers, or
 * other threads read and answer there, too, often nobody can say for which. */
#ifndef AGENT_WORK_H
#define AGENT_WORK_H

#include "agent/connection.h"

/* Does it work for that entry's exchange? The entry may be over by now. */
bool work_is_for(uint32_t entry);

/* It works for the request at `place` of the pipeline, if that still waits for its answer. */
void work_for(struct connection *connection, uint32_t place);

/* It has read. */
void work_for_what_was_read(struct connection *connection);

/* What it does next may be for a request of this connection that was not seen. */
void work_leave(const struct connection *connection);

/* Is it this process that ends what is open? Not where this thread forked while it worked for a
 * request that is open here, and leaves the connection to the child. */
bool work_is_ours(struct connection *connection);

#endif
