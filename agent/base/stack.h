// SPDX-License-Identifier: Apache-2.0
/* stack.h - is this the stack that the thread was made with?
 *
 * Coroutines (ucontext, boost.context, the fibers of Ruby and PHP) have stacks of their own and
 * share a thread, so what is known of the thread says nothing of them. Asking the C library for a
 * thread's bounds allocates, and reading them from /proc takes long; but the C library lays what
 * belongs to a thread at the top of its stack and a guard page at the bottom. So an address is on
 * the thread's stack if all memory between it and the thread's own is readable: the kernel is
 * asked once a thread, and again where a call lies deeper than any before it (madvise(2),
 * MADV_POPULATE_READ, of pages that are in use anyway). The main thread's stack lies where the
 * kernel put it.
 *
 * In doubt the answer is no: a call that lies more than STACK_DEEPEST_BYTES below the thread's
 * beginning. Not noticed: a stack without a guard page of its own that lies right below one that
 * has none either. */
#ifndef AGENT_STACK_H
#define AGENT_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_DEEPEST_BYTES 1048576

/* In the constructor: where the main thread's stack lies. */
void stack_init(void);

/* Does the caller run on its thread's own stack, or on one that was lent? Keeps errno. */
bool stack_is_own(void);

/* A library is about to work on a stack of its own for the caller, and returns before the caller
 * goes on (libmariadb's nonblocking calls). Returns what is to be given back afterwards. */
bool stack_lend(void);
void stack_return(bool before);

/* Where that stack ends above the caller; 0 where the caller runs elsewhere. Keeps errno. */
uintptr_t stack_end(void);

/* Do `bytes` bytes at `at` lie in frames of the caller's, or of those above it? */
bool stack_holds(const void *at, size_t bytes);

/* May `bytes` bytes, 8 to 4096, at `at` be read? Without a question to the kernel where they lie on
 * the caller's stack. Keeps errno. */
bool stack_can_read(const void *at, size_t bytes);

/* May 8 bytes at `at` be read? Always a question to the kernel; may change errno. */
bool stack_can_read_word(uintptr_t at);

#endif
