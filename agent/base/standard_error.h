// SPDX-License-Identifier: Apache-2.0
/* standard_error.h - whether number 2 is what people read, and how it is written to.
 *
 * What lies there may be a program's data: where 2 was closed at start, the next file, socket or
 * accepted connection gets that number. So what it referred to is remembered when that was sure,
 * and compared each time: at start, and when dup2() or dup3() chose that number. What came there by
 * open(), socket(), accept() or pipe(), seen or unseen, is another object, and gets nothing.
 * Whoever started the program may have meant something else with it, and then says so in the
 * environment, sends something there, or has an agent that leaves a note (exec_note.h).
 *
 * A write never waits, whoever reads or does not, and raises no signal; what can't be said so is
 * not said, nor what would take the program's own room (room.h). The flags of the open file
 * description are shared with other processes, and stay. */
#ifndef AGENT_STANDARD_ERROR_H
#define AGENT_STANDARD_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the constructor, before anything is said: until then nothing is. Keeps errno, like the rest
 * here. */
void standard_error_at_start(void);

/* A descriptor was duplicated to number 2; `by_number` where dup2() or dup3() did it. Only in
 * a process that owns its memory. */
void standard_error_put(bool by_number);

/* Number 2 is about to be closed: what comes there next is something else, even if it is the same
 * file. Likewise. */
void standard_error_closing(void);

/* Would somebody read what is said? Then `*object` is a number of the file or terminal that it goes
 * to; 0 for pipes and sockets, of which a supervisor makes one for each program that it starts. */
bool standard_error_is_read(uint64_t *object);

/* The process is about to become another program, which is told where number 2 is known to be
 * something else. In a child of vfork(), which is not its `own` process, what is known is its
 * parent's. Likewise. */
void standard_error_leaving(bool own);

/* It has not, or a child did that has the note by now. */
void standard_error_staying(void);

/* Writes `length` bytes of whole lines, at once or in pieces of whole lines. Any thread; safe in a
 * signal handler. False: standard error is not known, or did not take all of them now; then the
 * rest is lost, and counted by standard_error_unsaid() where it is known. */
bool standard_error_say(const char *text, size_t length);

/* How often a write failed since the last call; and what the caller could not tell anybody. */
unsigned standard_error_unsaid(void);
void standard_error_count_unsaid(unsigned count);

#endif
