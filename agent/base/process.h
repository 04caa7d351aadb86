// SPDX-License-Identifier: Apache-2.0
/* process.h - telling whether another process is still the one it was.
 *
 * A process id is used again after its process has ended, and means something else in another pid
 * namespace; so an id is believed only together with the namespace it was given in and the moment
 * its process started. */
#ifndef AGENT_PROCESS_H
#define AGENT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* The id of the process whose memory this is: another than the calling one's in a child of vfork().
 * It tells a process from its parent, of whose memory it may have a copy. Written in the
 * constructor, and by a forked child before it has threads. */
extern uint32_t process_owner;

/* The calling process is the owner from now on. */
void process_own_memory(void);

bool process_owns_memory(void);

/* The inode of this process's pid namespace; 0: unknown (no /proc). */
uint64_t process_namespace(void);

/* Clock ticks since boot when that process started (proc(5), /proc/PID/stat, field 22); 0: there is
 * no such process, or no /proc. */
uint64_t process_started_ticks(uint32_t pid);

/* The id of that process's parent (field 4); 0: it has none here, or there is no /proc. */
uint32_t process_parent(uint32_t pid);

/* The id of the user that process acts as; -1: nobody can say. */
long process_user(uint32_t pid);

/* A number of the program that this process runs, another one after each exec; 0: unknown. */
uint32_t process_image(void);

enum process_state {
    PROCESS_RUNS,   /* or nobody can say */
    PROCESS_ZOMBIE, /* ended, and its parent has not asked how */
    PROCESS_GONE    /* also where another process has the id by now */
};

/* Of the process of this namespace with that id, that started then (0: unknown). */
enum process_state process_state(uint32_t pid, uint64_t started_ticks);

/* Has this process's first thread ended, and others have not? */
bool process_is_without_first(void);

/* Where every thread of this process has ended but the calling one, which is not its first: the
 * status that the first one ended with, 0..255. Else, and where nobody can say, -1. */
int process_deserted(void);

#endif
