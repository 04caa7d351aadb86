// SPDX-License-Identifier: Apache-2.0
/* said.h - what one process of a tree has said, so that the others need not.
 *
 * A wrong setting is the same one for a server's workers, for the helpers of a script, and for what
 * a supervisor starts again each second. So who is about to say something looks whether another of
 * its tree has said it to the same reader, in a note of the user's (own_directory.h).
 *
 * The tree is the topmost process up to which all have the same LD_PRELOAD: where the agent was put
 * in. Neither its session nor its process group would do, because a shell without job control gives
 * two starts of a service the same; and a variable of ours would show in the program's environment.
 * Forked processes keep the tree they were born in, also as another user or as a daemon. A parent
 * that became this user, and so can't be looked at, is taken for one of the tree.
 *
 * Processes append to the file, in one write, and the first one that did may speak: no locks, and
 * nobody waits. It is begun anew after a day or when it is full. Where there can be no file, each
 * process speaks for itself. Any thread that may ask the kernel; not in a signal handler. */
#ifndef AGENT_SAID_H
#define AGENT_SAID_H

#include <stdbool.h>
#include <stdint.h>

#define SAID_NAME       "said"
#define SAID_BYTES_MOST 65536
#define SAID_LASTS_NS   UINT64_C(86400000000000)

/* Finds the tree out now, while its processes may be looked at. Keeps errno, like the rest. */
void said_know_tree(void);

/* Is it for this process to say that to the reader (standard_error_is_read())? */
bool said_claim(uint64_t reader, const char *topic);

/* It may be said again. False: nobody had said it, or another process has ended it. */
bool said_over(uint64_t reader, const char *topic);

#endif
