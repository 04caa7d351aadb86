// SPDX-License-Identifier: Apache-2.0
#include "agent/base/own_stack.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"
#include "agent/base/signals.h"

#define SHORT_BYTES ((size_t)256 << 10)
#define LONG_BYTES  ((size_t)1 << 20) /* handlers of the program's may run on it */
#define GUARD_BYTES ((size_t)4096)

/* Sanitizers know the stacks that they have seen being made. Their builds are tests, whose threads
 * have room enough. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#ifdef SANITIZED
static void own_stack_call(void (*act)(void *), void *context, void *top)
{
    (void)top;
    act(context);
}
#else
/* own_stack.S: with that stack pointer, a multiple of 16. */
void own_stack_call(void (*act)(void *context), void *context, void *top);
#endif

/* Apart, here and below, so that what it needs does not lie above what is called next: the caller's
 * stack may be small. */
__attribute__((noinline)) static bool on_signal_stack(void)
{
    stack_t stack = {0};
    return os.syscall(SYS_sigaltstack, NULL, &stack) != 0 || stack.ss_flags & SS_ONSTACK;
}

static bool run(void (*act)(void *context), void *context, size_t bytes, bool held)
{
    int saved = errno;
    char *stack = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        errno = saved;
        return false;
    }
    (void)mprotect(stack, GUARD_BYTES, PROT_NONE);
    int cancelable;
    uint64_t mask = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    if (held)
        signals_change(SIG_SETMASK, SIGNALS_ALL, &mask);
    errno = saved;
    own_stack_call(act, context, stack + bytes);
    saved = errno;
    munmap(stack, bytes);
    if (held)
        signals_change(SIG_SETMASK, mask, NULL);
    pthread_setcancelstate(cancelable, NULL);
    errno = saved;
    return true;
}

bool own_stack_run(void (*act)(void *context), void *context)
{
    return run(act, context, SHORT_BYTES, true);
}

bool own_stack_run_long(void (*act)(void *context), void *context)
{
    return run(act, context, LONG_BYTES, on_signal_stack());
}
