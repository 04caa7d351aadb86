// SPDX-License-Identifier: Apache-2.0
/* family.h - what a process and its forked children tell each other, in memory that they share.
 *
 * A child that serves one connection may end before its spans are sent. They wait in its file, but
 * nobody would come for them: its parent ends no span and so has no thread that looks, and the next
 * child ends as soon. Where one says that it left something, whoever accepts connections starts
 * that thread and is the family's heir: from then on children leave their spans to it at once. */
#ifndef AGENT_FAMILY_H
#define AGENT_FAMILY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/queue/region.h"

#define FAMILY_UNSEEN  4
#define FAMILY_LEAVING 64
#define FAMILY_BELLS   64

enum {
    FAMILY_LEFT = 1,   /* one has left a file with something in it */
    FAMILY_LEAVES = 2, /* one in `leaving` is about to, and then to end */
};

struct family {
    /* FAMILY_LEFT, FAMILY_LEAVES. Relaxed: who hears of it looks for the file. */
    _Atomic uint32_t left;
    /* Process ids of children that leave their spans to the heir; 0: none. A file is taken only
     * once its process has ended, which may be a good while after it was said. */
    _Atomic int32_t leaving[FAMILY_LEAVING];
    _Atomic int32_t heir; /* its process id, FAMILY_CHOOSING or 0; release with what follows */
    _Atomic bool serves;  /* HTTP; relaxed, as it stands alone, and for good */
    _Atomic bool records; /* one has had a span; likewise */
    _Atomic uint32_t unseen[FAMILY_UNSEEN]; /* unseen.h: what was noted, and what was said */
    /* Futexes: a thread that rests (rest.h) waits for the one that its process's id falls on. Each
     * is rung by counting it up. */
    _Atomic uint32_t bells[FAMILY_BELLS];
    uint64_t inode; /* of the heir's file */
    char path[REGION_PATH_BYTES];
};

/* Set once, before any fork that matters; where there is no memory, it is this process's own. */
extern struct family *family;

/* The process, and those it forks from now on, are one family. Once. */
void family_found(void);

/* Is this the process that founded it? */
bool family_is_founder(void);

void family_say_left(void);

/* A load and a compare where nobody has. */
static inline bool family_has_left(void)
{
    return atomic_load_explicit(&family->left, memory_order_relaxed) != 0;
}

/* One of the family has been asked something by HTTP: its workers are a server's, those that have
 * not been asked yet included. */
static inline void family_say_serves(void)
{
    if (!atomic_load_explicit(&family->serves, memory_order_relaxed))
        atomic_store_explicit(&family->serves, true, memory_order_relaxed);
}

static inline bool family_serves(void)
{
    return atomic_load_explicit(&family->serves, memory_order_relaxed);
}

/* A connection was accepted, after so many forks of this process: was one since the last? Then its
 * children answer, or so it seems; and spans come of it. */
bool family_forks_to_answer(uint32_t forks);

/* One of the family has a span. */
static inline void family_say_records(void)
{
    atomic_store_explicit(&family->records, true, memory_order_relaxed);
}

bool family_lacks_heir(void);

/* This process, whose region that is, looks after what is left until it resigns. False: it has no
 * file by which others could tell that it finds theirs, or there is an heir. */
bool family_become_heir(const struct region *region);

/* Before it looks for the last time: who ends from now on sends its own. Those who had begun to
 * leave theirs to it before are waited for, because nobody else may come; no longer than that. */
void family_resign(uint64_t most_ns);

/* One has left something since the last time this was asked, and has ended where it was about to,
 * and this process is the heir, or was until it resigned. */
bool family_calls(void);

/* Has one left something that this process has to look after, or is about to? Asks nobody. */
bool family_waits_for_us(void);

static inline _Atomic uint32_t *family_bell(uint32_t pid)
{
    return &family->bells[pid % FAMILY_BELLS];
}

/* Wakes that process's thread where it rests; what it is woken for is written before. A system
 * call. Keeps errno. */
void family_ring(uint32_t pid);

/* Is this process's parent the heir, and does it find its file? Not where this one has become
 * another user since, or has another root. A sibling will not do: the workers of a server end
 * together, and the heir would have looked for the last time when the others leave. */
bool family_inherits(const struct region *region);

/* This process ends, and that is its region: where the heir inherits, it waits for the end. Before
 * family_inherits() is asked for the last time, so that an heir that resigns either sees this
 * process leave, or does not inherit; nor does it where too many leave already. */
void family_leave(const struct region *region);

/* It has left something, or nothing. */
void family_has_gone(bool something);

#endif
