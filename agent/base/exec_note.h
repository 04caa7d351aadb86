// SPDX-License-Identifier: Apache-2.0
/* exec_note.h - what a process tells the program that it becomes: number 2 holds data.
 *
 * A program that begins with a file as 2 can't see whether a shell put its words there or a daemon
 * its data. The daemon's agent can. But an exec keeps nothing that is ours: the environment, the
 * descriptors and the signals are the program's. The note is the thread's timer slack, which an
 * exec and a fork keep: up to a microsecond more than the usual 50, which says of which object this
 * is true. Where somebody has chosen another slack there is no note. */
#ifndef AGENT_EXEC_NOTE_H
#define AGENT_EXEC_NOTE_H

#include <stdbool.h>
#include <sys/stat.h>

/* Leaves the note for the program that this thread is about to execute, and for what that one
 * executes. Safe in the child of a vfork(). errno is not kept, here and below. */
void exec_note_write(const struct stat *object);

/* The thread goes on, since it could not execute, or since a child did: 50 again, where it is a
 * note. Likewise. */
void exec_note_take_back(void);

/* Was it left for this object? One of a thousand others is taken for it. */
bool exec_note_tells(const struct stat *object);

#endif
