// SPDX-License-Identifier: Apache-2.0
/* route_tree.h - where in the path the values are that look like words.
 *
 * The shape of a segment tells a number or a UUID. It can't tell `/users/alice` from
 * `/users/settings`, but their number can: a place in the path that has shown more children than
 * programs have pages goes by one name from then on, `/users/{id}`. So each branch of the path is
 * bounded, and one that varies takes no room from the others:
 *
 *   words            a quarter of config->http_routes_max at a place (at the root half)
 *   doubtful ones    12, where they have digits, strange capitals or many hyphens: `ABC-123`,
 *                    `dQw4w9WgXcQ`, `red-running-shoes`. Words beside them stay what they are
 *   static files     3 in a folder, then a star for all; at the root a star for each extension
 *
 * A page that has a name keeps it: pages known before their place was folded stay what they are,
 * and so do sections with pages of their own: `/api/v1/new` is not `/{id}/v1/new` because others at
 * the root are users. What is deeper than ROUTE_DEPTH segments ends in a star. Where the whole is
 * full, places with three children and more fold too, and the root with eight; then what is below
 * the first segment shares a star. The deeper a page the sooner that comes, so that a tree of
 * folders, whose places have few children each and many together, leaves room for the other pages.
 * Beyond that there is no route.
 *
 * Each place is one 64-bit word in storage of fixed size: part of a hash, its children's numbers
 * and whether it is folded. A word changes at once or not at all, so threads need no order among
 * each other, nobody waits, and a child of fork() finds a whole tree. Nothing is ever removed. */
#ifndef AGENT_ROUTE_TREE_H
#define AGENT_ROUTE_TREE_H

#include "agent/text/route_set.h"

#define ROUTE_BYTES 256 /* of a route or pattern */
#define ROUTE_DEPTH 16

struct route_tree {
    struct route_set names;
    _Atomic uint64_t *places;
    size_t mask; /* places - 1 */
    _Atomic size_t count;
    _Atomic size_t changes; /* of a word, that made neither a name nor a place */
    _Atomic int state;      /* of the example: enum example; release pairs with acquire */
    char text[ROUTE_BYTES]; /* the first route that stands for a folded place, for a message */
    size_t length;
    bool full_said; /* the thread's that says so */
};

/* Bytes of storage for config->http_routes_max names; 0 for none. */
size_t route_tree_bytes(int64_t most);

/* `storage` has route_tree_bytes(most) zeroed bytes, 8-byte aligned, and outlives the tree. `seed`
 * is random. */
void route_tree_init(struct route_tree *tree, void *storage, int64_t most, uint64_t seed);

#define ROUTE_TREE_SCRATCH_BYTES 512

/* The name of a path whose values by shape are `{id}` already: the text itself, or in `scratch`,
 * which is there because the caller's stack may be small. With `admit` a new one may be made;
 * without, or where there is no room (counted), SLICE_NONE. Any thread. */
__attribute__((noinline)) struct slice route_tree_name(struct route_tree *tree, struct slice text,
                                                       bool admit,
                                                       char scratch[ROUTE_TREE_SCRATCH_BYTES]);

/* A number that has changed where anything was learnt: while it stays, the same path gets the same
 * name, except that a new one may be made. */
static inline uint64_t route_tree_age(struct route_tree *tree)
{
    return (uint64_t)atomic_load_explicit(&tree->names.ever, memory_order_relaxed) +
           atomic_load_explicit(&tree->count, memory_order_relaxed) +
           atomic_load_explicit(&tree->changes, memory_order_relaxed);
}

/* Logs, once each, that a place was folded and that the tree is full. On one thread only, which may
 * log. */
void route_tree_say(struct route_tree *tree);

#endif
