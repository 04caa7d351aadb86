// SPDX-License-Identifier: Apache-2.0
/* room.h - whether what we say leaves the program the room that it would have without us.
 *
 * A pipe takes 64 KiB that nobody reads, then its writer waits. Who reads late, as one that first
 * waits for the program's end, is no mistake while the program says less than that; a line of ours
 * in the pipe would make it wait for ever. So a line goes in only where at least as much is still
 * free afterwards as there is in an empty pipe without us: the pipe is made twice as large for it,
 * and what lies unread in it, whoever wrote it, may take the room that was added, no more. Where
 * the system does not allow that (it is large, or the user has many pipes), a line goes in only
 * while nothing lies there unread: mostly somebody reads then. What is asked is the object itself,
 * so all processes that share it may do the same.
 *
 * A pipe is twice as large because one of us made it so, or because somebody chose just that size:
 * nothing tells these apart. Any other size was chosen, and is doubled, too: once by a process and
 * those it forks, again by one that is executed.
 *
 * The same holds for a socket's buffer of what was sent. A terminal has no such size: what nobody
 * reads there takes of its 20 KB. */
#ifndef AGENT_ROOM_H
#define AGENT_ROOM_H

#include <stdbool.h>
#include <stddef.h>

/* May `length` bytes be written at once? They are at most PIPE_BUF. May enlarge the object. Any
 * thread; safe in a signal handler; errno is not kept. */
bool room_in_pipe(int fd, size_t length);
bool room_in_socket(int fd, size_t length); /* of AF_UNIX, SOCK_STREAM */

#endif
