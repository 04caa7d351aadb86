// SPDX-License-Identifier: Apache-2.0
/* connection_private.h - between the files that make up connections: descriptor.c (the
 * table), connection.c (lifetime, ownership), stream.c (bytes), sending.c (the end of a process).
 */
#ifndef AGENT_CONNECTION_PRIVATE_H
#define AGENT_CONNECTION_PRIVATE_H

#include "agent/net/connection.h"

/* A taken slot becomes a connection with one descriptor. */
void connection_reset(struct connection *connection, uint32_t index, enum connection_role role);

/* connection_claim() for those who own the other direction: never makes it opaque. */
bool connection_take(struct direction *direction);

/* One descriptor more. False where the last one has gone: it must not come back to life, because
 * its slot may be given to another. */
bool connection_add_reference(struct connection *connection);

/* One descriptor less; with the last the connection is over, by this thread or, where another
 * thread is at work on it, by that one when it is done. */
void connection_drop_reference(struct connection *connection);

/* Is it this process that ends what is open? Not what its parent had, nor where this thread leaves
 * the connection to a child. */
bool connection_is_ours(const struct connection *connection);

/* Does a read of that connection wait until something comes? Of one by a descriptor by which it was
 * found, if it still is its; asked of the kernel. */
bool connection_reads_wait(const struct channel *channel);

/* Back to the slab. */
void connection_give_back(struct connection *connection);

/* Not looked at any more; counted unless the protocol said so (a tunnel). What is open ends when
 * the threads at work on it are done. */
void connection_make_opaque(struct connection *connection, bool counted);
/* Counted as one that is opaque, and not again when it becomes so. */
void connection_count_loss(struct connection *connection);

/* Ends what is open as lost to view; owns both directions. */
void stream_lost(struct connection *connection);
/* Ends or forgets what is still open when the connection is over; owns both directions. */
void stream_close(struct connection *connection);

/* Of what is not known to be a server's: bytes came, or go. Is it a server's, after all? */
bool connection_serves_reader(struct connection *connection, struct slice bytes);
bool connection_serves_writer(struct connection *connection, struct slice bytes);

#endif
