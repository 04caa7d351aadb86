// SPDX-License-Identifier: Apache-2.0
/* detect.h - which protocol a flow's first bytes are of.
 *
 * The rows of the table are asked in their order; the first that is sure has the flow. */
#ifndef AGENT_DETECT_H
#define AGENT_DETECT_H

#include "agent/net/flow.h"

/* YES: the flow has its state. NO: also where there is no memory for one. By the owner of that side
 * of a flow whose protocol is not known. */
enum sure detect(struct flow *flow, enum side side, struct slice first);

/* May they be of a protocol that is read in the flow's role? Where that is not known: of one whose
 * requests are read, or sent. */
bool detect_may_know(const struct flow *flow, enum side side, struct slice first);

/* Datagrams have ends of their own, and may be cut, lost and in disorder: they are of no protocol
 * here, whatever they look like. Asks the kernel; what cannot be asked is a stream. */
bool detect_is_datagrams(const struct flow *flow);

/* Is there a protocol that is read where this end asks? */
bool detect_reads_clients(void);

#endif
