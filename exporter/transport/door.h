// SPDX-License-Identifier: Apache-2.0
/* door.h - when the exporter's thread may be inside a library that is not ours.
 *
 * libcurl and OpenSSL have locks and memory that the rest of the process uses, too. A process that
 * exits takes them down (OpenSSL by a handler of its own), and a fork copies them as they are. So
 * the thread goes in by this door, for moments only: whoever exits shuts it first, and whoever
 * forks waits until the thread is outside, so that the child gets locks that nobody holds.
 *
 * One a process; all functions may be called by any thread. */
#ifndef EXPORTER_DOOR_H
#define EXPORTER_DOOR_H

#include <stdbool.h>
#include <stdint.h>

/* In the constructor: takes part in forks from now on. */
void door_init(void);

/* False: it is shut, and nothing behind it may be touched again. Waits while somebody forks. */
bool door_enter(void);
void door_leave(void);

/* Nobody goes in any more. Waits at most so long for who is inside. */
void door_shut(uint64_t most_ns);

/* Around a look-up of a name. The resolver has locks, too, each for a moment, but may wait for a
 * name server meanwhile, as long as that takes. So a fork waits for its end, but only briefly; and
 * a look-up may begin while somebody forks, rather than wait for long: false, then no end must be
 * told. */
bool door_resolver_begin(void);
void door_resolver_end(void);

/* In a forked child, before anything else here. Made by a raw system call while the parent's
 * thread was inside, a child finds the door shut: what lies behind it may be locked for ever. */
void door_child(void);

/* May libraries be opened here? Not in a child whose parent had threads: one of them may have held
 * the loader's lock. */
bool door_may_open(void);

#endif
