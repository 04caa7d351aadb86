// SPDX-License-Identifier: Apache-2.0
/* preparation.h - what requests and spans need is there: settings are compiled, memory is taken,
 * the exporter has looked around.
 *
 * Most programs never get so far. Each room prepares its own; in which order is known above all of
 * them (agent/life), where those that ask for it can't look: so it is handed in. */
#ifndef AGENT_PREPARATION_H
#define AGENT_PREPARATION_H

#include "agent/base/once.h"

extern struct once preparation;
/* Written in the constructor, before the gate opens. */
extern bool (*preparation_make)(void);

/* The process has its first connection or span. Once; a load and a compare afterwards. False where
 * memory can't be had (then nothing is recorded). */
static inline bool preparation_do(void)
{
    return once_run(&preparation, preparation_make);
}

/* Has it been done, with success? */
static inline bool preparation_is_done(void)
{
    return once_is_done(&preparation);
}

#endif
