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

#include "agent/base/slice.h"

struct route_set {
    _Atomic uint64_t *slots; /* hashes; 0: free */
    size_t mask;             /* slots - 1 */
    size_t most;
    _Atomic size_t count; /* of those that count; never more than `most` */
    _Atomic size_t ever;  /* slots taken or about to be; never more than four times `most` */
    uint64_t seed;
};

/* Bytes of storage for `most` routes (config->http_routes_max); 0 for none. */
size_t route_set_bytes(int64_t most);

/* `storage` has route_set_bytes(most) zeroed bytes, 8-byte aligned, and outlives the set. `seed` is
 * random, so that a client can't make hashes collide on purpose. */
void route_set_init(struct route_set *set, void *storage, int64_t most, uint64_t seed);

/* Is the text in the set? */
bool route_set_has(struct route_set *set, struct slice text);

/* Is it now? False where that makes more than `most`, which may be less than the set's own. */
bool route_set_add(struct route_set *set, struct slice text, size_t most);

/* So many of its names do not count any more, because their branch goes by one name from now on.
 * They stay: a page that has a name keeps it. */
void route_set_refund(struct route_set *set, size_t names);

/* How many count. */
size_t route_set_count(struct route_set *set);

/* Never 0. */
uint64_t route_hash(uint64_t seed, struct slice text);

#endif
