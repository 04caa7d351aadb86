// SPDX-License-Identifier: Apache-2.0
/* late.h - what processes tell each other of a collector that let one of them wait in vain.
 *
 * A process that ends waits for an answer, at most for a second. Where that was in vain, others
 * that end shortly after would wait in vain, too: each command of a script, each worker of a
 * server. So it leaves a note in the state directory, and for half a minute they wait for a tenth
 * of it.
 *
 * The note is one file a user, under a fixed name, so that it is found without a look at the
 * directory: a handful of system calls, microseconds. It counts for every service and collector,
 * because what keeps one from answering (a network, a busy machine) often keeps others, and a wait
 * that is too short loses nothing: what is not answered is left to the next process. Files of other
 * users, links and what is not a note are left alone.
 *
 * Any thread, but for late_init(). */
#ifndef EXPORTER_LATE_H
#define EXPORTER_LATE_H

#include <stdbool.h>

/* Begins the name, which the user's number ends. The dot, because it is nobody's spans. */
#define LATE_PREFIX   ".otelagent-late-"
#define LATE_LASTS_NS 30000000000

/* Before the other functions. `directory`: of the state; NULL or empty for none, and nothing is
 * noted. */
void late_init(const char *directory);

/* A process has waited in vain until now. Keeps errno. */
void late_note(void);

/* Has one noted that in the last half minute? Removes a note that is older. Keeps errno. */
bool late_is_noted(void);

#endif
