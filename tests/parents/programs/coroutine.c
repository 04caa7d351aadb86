// SPDX-License-Identifier: Apache-2.0
#include "coroutine.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { COROUTINES = 192, STACK_BYTES = 256 * 1024, EVENTS_OF_A_TURN = 64 };

struct coroutine {
    struct coroutine *next; /* free, or ready */
    ucontext_t context;
    void *stack_pointer; /* assembly */
    char *stack;
    void (*run)(void *);
    void *argument;
    bool over;
};

static struct coroutine all[COROUTINES];
static _Alignas(64) char stacks_in_bss[COROUTINES][STACK_BYTES];
static struct coroutine *free_ones;
static struct coroutine *ready; /* newest first */
static struct coroutine *current;
static ucontext_t scheduler_context;
static void *scheduler_stack_pointer;
static bool by_assembly;
static int epoll = -1;

/* --- switching --- */

#ifdef __x86_64__
/* Saves what a called function has to keep, and the stack pointer; goes on where `to` was saved. */
void switch_stack(void **from, void *to);
__asm__(".text\n"
        ".type switch_stack, @function\n"
        "switch_stack:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size switch_stack, . - switch_stack\n");
enum { SAVED_REGISTERS = 6 };
#else
static void switch_stack(void **from, void *to)
{
    (void)from;
    (void)to;
    abort(); /* nobody has written it for this machine */
}
enum { SAVED_REGISTERS = 0 };
#endif

static void leave(void)
{
    if (by_assembly)
        switch_stack(&current->stack_pointer, scheduler_stack_pointer);
    else
        swapcontext(&current->context, &scheduler_context);
}

static void resume(struct coroutine *coroutine)
{
    current = coroutine;
    if (by_assembly)
        switch_stack(&scheduler_stack_pointer, coroutine->stack_pointer);
    else
        swapcontext(&scheduler_context, &coroutine->context);
    current = NULL;
    if (coroutine->over) {
        coroutine->next = free_ones;
        free_ones = coroutine;
    }
}

static void begin(void)
{
    current->run(current->argument);
    current->over = true;
    leave();
}

/* A stack that looks as if begin() had just been called and switched away from. */
static void prepare_stack(struct coroutine *coroutine)
{
    uintptr_t *top = (uintptr_t *)(void *)(coroutine->stack + STACK_BYTES);

    *--top = 0; /* begin() never returns; with this the stack is aligned as after a call */
    *--top = (uintptr_t)begin;
    for (int i = 0; i < SAVED_REGISTERS; i++)
        *--top = 0;
    coroutine->stack_pointer = top;
}

/* --- the interface --- */

static char *map_stack(void)
{
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        abort();
    return stack;
}

void coroutines_open(const char *how)
{
    bool in_bss = strcmp(how, "bss") == 0;

    by_assembly = strcmp(how, "assembly") == 0;
    for (int i = 0; i < COROUTINES; i++) {
        all[i].stack = in_bss ? stacks_in_bss[i] : map_stack();
        all[i].next = free_ones;
        free_ones = &all[i];
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
}

int coroutine_start(void (*run)(void *context), void *context)
{
    struct coroutine *coroutine = free_ones;

    if (!coroutine)
        return 0;
    free_ones = coroutine->next;
    coroutine->run = run;
    coroutine->argument = context;
    coroutine->over = false;
    if (by_assembly) {
        prepare_stack(coroutine);
    } else {
        getcontext(&coroutine->context);
        coroutine->context.uc_stack.ss_sp = coroutine->stack;
        coroutine->context.uc_stack.ss_size = STACK_BYTES;
        makecontext(&coroutine->context, begin, 0);
    }
    resume(coroutine);
    return 1;
}

void coroutine_wait_readable(int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = current};

    if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) < 0)
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    leave();
}

void coroutine_yield(void)
{
    current->next = ready;
    ready = current;
    leave();
}

_Noreturn void coroutines_run(int listener, void (*accept_ready)(int listener))
{
    struct epoll_event on_listener = {.events = EPOLLIN, .data.ptr = NULL};

    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &on_listener);
    for (;;) {
        struct epoll_event events[EVENTS_OF_A_TURN];
        int count = epoll_wait(epoll, events, EVENTS_OF_A_TURN, ready ? 0 : -1);
        struct coroutine *next = ready;
        ready = NULL;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                resume(events[i].data.ptr);
            else
                accept_ready(listener);
        }
        while (next) {
            struct coroutine *this = next;
            next = this->next;
            resume(this);
        }
    }
}
