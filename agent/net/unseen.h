// SPDX-License-Identifier: Apache-2.0
/* unseen.h - what a server speaks that can't be read here: silence would look like a fault.
 *
 * An accepted connection that begins with TLS or with HTTP/2 has no spans, and whoever set the
 * agent up wonders why. So it is said, once for a process and those it forks, with the port. The
 * client's first bytes alone prove nothing: scanners say anything to any port. The answer does, so
 * such a connection is looked at until then; one that is answered by an HTTP error, by a page
 * without a head, or not at all is not spoken of.
 *
 * Noted where bytes are seen, said by the exporter's thread or at the end. The kernel is asked once
 * for each kind. What the bytes were is neither kept nor said. */
#ifndef AGENT_UNSEEN_H
#define AGENT_UNSEEN_H

#include <stdbool.h>

#include "agent/net/connection.h"

enum unseen { UNSEEN_NONE, UNSEEN_TLS, UNSEEN_HTTP2, UNSEEN_OTHER, UNSEEN_KINDS };

/* Bytes of a side, which the caller owns, that are not understood; SLICE_NONE: not known.
 * True: the answer to them will tell what they are, the connection is to be followed until then. */
__attribute__((cold)) bool unseen_lost(struct connection *connection, enum side side,
                                       struct slice bytes);

/* What began without a request was answered by an HTTP response that is no error (to HTTP behind
 * a line of a proxy, say). */
__attribute__((cold)) void unseen_answered(const struct connection *connection);

/* Logs what was noted, once. Threads that may log, and the end of the process. */
void unseen_say(void);

#endif
