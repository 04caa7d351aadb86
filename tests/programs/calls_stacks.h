// SPDX-License-Identifier: Apache-2.0
/* calls_stacks.h - for calls.c: the calls by which a thread goes on with another stack. */
#ifndef TESTS_PROGRAMS_CALLS_STACKS_H
#define TESTS_PROGRAMS_CALLS_STACKS_H

#include <stdio.h>
#include <ucontext.h>

static ucontext_t stacks_main, stacks_other;
static volatile int stacks_rounds;

static void stacks_coroutine(int first, int second)
{
    printf("    coroutine with %d %d\n", first, second);
    printf("    back for once: %d\n", swapcontext(&stacks_other, &stacks_main));
    stacks_rounds = 10;
    setcontext(&stacks_main);
    printf("    never\n");
}

/* What swapcontext() keeps may be gone back to more than once, after it has returned. */
static void stacks(void)
{
    static _Alignas(16) char stack[65536];
    if (getcontext(&stacks_other) != 0)
        return;
    stacks_other.uc_stack.ss_sp = stack;
    stacks_other.uc_stack.ss_size = sizeof stack;
    makecontext(&stacks_other, (void (*)(void))stacks_coroutine, 2, 3, 5);
    volatile int kept = 17;
    printf("swapcontext = %d\n", swapcontext(&stacks_main, &stacks_other));
    printf("    round %d, kept %d\n", stacks_rounds, kept);
    stacks_rounds++;
    if (stacks_rounds < 3)
        setcontext(&stacks_main);
    if (stacks_rounds == 3)
        setcontext(&stacks_other);
}

#endif
