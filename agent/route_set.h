// SPDX-License-Identifier: Apache-2.0
/* route_set.h - the distinct routes a process has made up, bounded.
 *
 * A route is a dimension of metrics: a few hundred are useful, a million bring a backend down. The
 * heuristic may mistake an identifier for a word, so it needs a bound that holds whatever clients
 * ask for. Only 64-bit hashes are kept, in storage of fixed size; nothing is ever removed.
 * Any thread may ask at any time; nobody waits. */
#ifndef AGENT_ROUTE_SET_H
#define AGENT_ROUTE_SET_H

#include <stdatomic.h>
#include <stdint.h>

#include "agent/slice.h"

struct route_set {
    _Atomic uint64_t *slots; /* hashes; 0: free */
    size_t mask;             /* slots - 1 */
    size_t most;
    _Atomic size_t count; /* slots taken or about to be; never more than `most` */
    uint64_t seed;
};

/* Bytes of storage for `most` routes (config->http_routes_max); 0 for none. */
size_t route_set_bytes(int64_t most);

/* `storage` has route_set_bytes(most) zeroed bytes, 8-byte aligned, and outlives the set. `seed` is
 * random, so that a client can't make hashes collide on purpose. */
void route_set_init(struct route_set *set, void *storage, int64_t most, uint64_t seed);

/* Is the text in the set, or, with `admit`, can it be added? False when it is full. */
bool route_set_has(struct route_set *set, struct slice text, bool admit);

/* How many there are. */
size_t route_set_count(struct route_set *set);

#endif
