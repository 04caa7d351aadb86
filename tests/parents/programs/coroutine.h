// SPDX-License-Identifier: Apache-2.0
/* Coroutines of one thread: each has a stack of its own and gives way to the scheduler, which
 * resumes it when its descriptor can be read, or in the next turn. */
#pragma once

/* How stacks are made and changed: ucontext on mapped stacks (mmap) or on ones in .bss (bss), a
 * switch in assembly on mapped stacks (assembly). */
void coroutines_open(const char *how);

/* False where there is no more room for one. It runs at once, until it waits. */
int coroutine_start(void (*run)(void *context), void *context);

/* Inside a coroutine: until a descriptor can be read; until the next turn. */
void coroutine_wait_readable(int fd);
void coroutine_yield(void);

/* The scheduler, on the thread's own stack: resumes what is ready, for ever. `accept_ready` is
 * called when the listener can be read. */
_Noreturn void coroutines_run(int listener, void (*accept_ready)(int listener));
