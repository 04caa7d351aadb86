// SPDX-License-Identifier: Apache-2.0
/* spare_head.h - room for a parsed head that has no exchange to lie in.
 *
 * Where all exchanges are taken, and for answers to nothing that was seen, a head is still read,
 * because its framing tells where the next one begins. It does not lie on the caller's stack, which
 * may be small. */
#ifndef AGENT_SPARE_HEAD_H
#define AGENT_SPARE_HEAD_H

#include "agent/work/exchange.h"

/* EXCHANGE_HEAD_BYTES of unspecified content; to be given back as soon as it was read. NULL where
 * as many threads as there are heads (64) have one, or there is no memory; to give that back does
 * nothing. */
void *spare_head_take(void);
void spare_head_give(void *head);

#endif
