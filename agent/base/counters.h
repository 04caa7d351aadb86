// SPDX-License-Identifier: Apache-2.0
/* counters.h - the agent's accounts of itself, one relaxed atomic a row of counters.def. */
#ifndef AGENT_COUNTERS_H
#define AGENT_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

struct counters {
#define COUNTER(name, sentence) _Atomic uint64_t name;
#include "agent/base/counters.def"
#undef COUNTER
};

/* This process's; reset in a forked child. Sums only, so relaxed order is enough. */
extern struct counters counters;

static inline void counters_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t counters_get(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
