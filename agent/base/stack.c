// SPDX-License-Identifier: Apache-2.0
#include "agent/base/stack.h"

#include <errno.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/os.h"

#define PAGE_BYTES                                                                                 \
    ((uintptr_t)4096) /* the smallest there is: more are asked about, none is missed */

/* Nothing else is mapped so near below the main stack (mmap_base() in the kernel's arch/x86/mm):
 * its limit at the start, and no less than this. */
#define MAIN_LEAST_BYTES (UINT64_C(128) << 20)
#define MAIN_MOST_BYTES  (UINT64_C(1) << 30)

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

static uintptr_t main_low; /* written in the constructor */
static uintptr_t main_top;
static uintptr_t main_memory; /* the main thread's own, which lies elsewhere */

static __thread struct {
    uintptr_t low; /* from here up to the thread's own memory it is its stack; 0: not asked yet */
    uintptr_t top;
    bool lent;
} tl_stack;

/* Where the C library keeps what belongs to the thread. */
static uintptr_t thread_memory(void)
{
#if defined(__x86_64__)
    uintptr_t pointer;
    __asm__("movq %%fs:0, %0" : "=r"(pointer));
    return pointer;
#else
    return (uintptr_t)__builtin_thread_pointer();
#endif
}

void stack_init(void)
{
    struct rlimit limit;
    uint64_t bytes = MAIN_LEAST_BYTES;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur > bytes)
        bytes = limit.rlim_cur < MAIN_MOST_BYTES ? limit.rlim_cur : MAIN_MOST_BYTES;
    main_top = (uintptr_t)getauxval(AT_RANDOM); /* the kernel put it above the first frame */
    main_low = main_top > bytes ? main_top - bytes : 0;
    main_memory = thread_memory();
}

#define EIGHT 8 /* bytes: the kernel's set of signals */

/* By a call that reads those bytes before it refuses what it is told to do with them; from NULL,
 * none. */
bool stack_can_read_word(uintptr_t at)
{
    return at && (os.syscall(SYS_rt_sigprocmask, -1, at, NULL, EIGHT) == 0 || errno != EFAULT);
}

/* Both are multiples of a page. */
static bool range_can_be_read(uintptr_t from, uintptr_t to)
{
    if (madvise((void *)from, to - from, MADV_POPULATE_READ) == 0)
        return true;
    if (errno != EINVAL)
        return false;
    /* It can't, or the kernel does not know the question: this function's own page can. */
    uintptr_t here = (uintptr_t)__builtin_frame_address(0) & -PAGE_BYTES;
    if (madvise((void *)here, PAGE_BYTES, MADV_POPULATE_READ) == 0)
        return false;
    while (from < to && stack_can_read_word(from))
        from += PAGE_BYTES;
    return from == to;
}

__attribute__((cold, noinline)) static bool ask(uintptr_t here)
{
    if (here >= main_low && here < main_top) {
        tl_stack.low = main_low;
        tl_stack.top = main_top;
        return true;
    }
    uintptr_t top = thread_memory();
    if (top == main_memory || here >= top || top - here > STACK_DEEPEST_BYTES)
        return false;
    bool known = tl_stack.top == top;
    uintptr_t from = here & -PAGE_BYTES;
    uintptr_t to = known ? tl_stack.low : (top + PAGE_BYTES - 1) & -PAGE_BYTES;
    int saved = errno;
    bool own = range_can_be_read(from, to);
    errno = saved;
    if (own) {
        tl_stack.low = from;
        tl_stack.top = top;
    }
    return own;
}

bool stack_is_own(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return (here >= tl_stack.low && here < tl_stack.top) || tl_stack.lent || ask(here);
}

bool stack_lend(void)
{
    bool before = tl_stack.lent;
    tl_stack.lent = stack_is_own();
    return before;
}

void stack_return(bool before)
{
    tl_stack.lent = before;
}

uintptr_t stack_end(void)
{
    return stack_is_own() && !tl_stack.lent ? tl_stack.top : 0;
}

bool stack_holds(const void *at, size_t bytes)
{
    uintptr_t first = (uintptr_t)at;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return stack_is_own() && !tl_stack.lent && first >= here && first < tl_stack.top &&
           bytes <= tl_stack.top - first;
}

bool stack_can_read(const void *at, size_t bytes)
{
    if (stack_holds(at, bytes))
        return true;
    uintptr_t first = (uintptr_t)at;
    uintptr_t last = first + bytes - EIGHT;
    int saved = errno;
    bool can = last >= first && stack_can_read_word(first) &&
               ((first & -PAGE_BYTES) == (last & -PAGE_BYTES) || stack_can_read_word(last));
    errno = saved;
    return can;
}
