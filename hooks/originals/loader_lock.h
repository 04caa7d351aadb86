// SPDX-License-Identifier: Apache-2.0
/* loader_lock.h - the loader's list of objects, and when its lock may be taken.
 *
 * The lock of dl_iterate_phdr() is held by whoever adds an object to the list or takes one out, and
 * around the calls of dl_iterate_phdr(). A fork copies it as it is, and the C library, which makes
 * its other locks anew in the child, forgets this one: a child that is forked while another thread
 * has it, waits for ever at its first dl_iterate_phdr(). Most programs never make one after a fork.
 *
 * So we never wait for it where it may be lost: in a child of a process that had threads, or where
 * nobody can say (before glibc 2.32). There nobody else changes the list, short of threads that the
 * child makes itself and that close libraries at the very moment of a search; it is read as it is,
 * past what is not mapped any more. Children made by the bare system call are told by their number.
 *
 * Nor may a child lose the lock to a search of ours: a fork waits until nobody searches, and a
 * search until nobody forks, both for a tenth of a second at most, because the other thread may be
 * waiting for this one. */
#ifndef HOOKS_LOADER_LOCK_H
#define HOOKS_LOADER_LOCK_H

#include <link.h>
#include <stdbool.h>

#include "hooks/originals/image.h"

/* In the constructor: takes part in forks from now on. */
__attribute__((cold)) void loader_lock_init(void);

/* The lock may be held by a thread that is not here. Any thread; a system call. */
__attribute__((cold)) bool loader_lock_is_lost(void);

/* Around dl_iterate_phdr(). Any thread. */
__attribute__((cold)) void loader_lock_begin(void);
__attribute__((cold)) void loader_lock_end(void);

/* The first object of the list, by the interface that debuggers read; NULL: this C library has
 * none. */
__attribute__((cold)) const struct link_map *loader_objects(void);

__attribute__((cold)) struct object loader_object(const struct link_map *map);

/* Whether there is memory at `address`. */
__attribute__((cold)) bool loader_maps(const void *address);

#endif
