// SPDX-License-Identifier: Apache-2.0
/* late.h - what processes tell each other of a collector that let one of them wait in vain.
 *
 * A process that ends waits for an answer, at most for a second. Where that was in vain, others
 * that end shortly after would wait in vain, too: each command of a script, each worker of a
 * server. So it leaves a note (own_directory.h), and for half a minute they wait for a tenth of it.
 *
 * There is one a user, and to look for it takes a handful of system calls. It counts for every
 * service and collector, because what keeps one from answering (a network, a busy machine) often
 * keeps others, and a wait that is too short loses nothing: what is not answered is left to the
 * next process. What is not such a note is left alone. Any thread. */
#ifndef EXPORTER_LATE_H
#define EXPORTER_LATE_H

#include <stdbool.h>

#define LATE_NAME     "late"
#define LATE_LASTS_NS 30000000000

/* A process has waited in vain until now. Keeps errno. */
void late_note(void);

/* Has one noted that in the last half minute? Removes a note that is older. Keeps errno. */
bool late_is_noted(void);

#endif
