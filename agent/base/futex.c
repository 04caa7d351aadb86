// SPDX-License-Identifier: Apache-2.0
#include "agent/base/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/os.h"

void futex_wake(_Atomic uint32_t *word)
{
    os.syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void futex_wake_shared(_Atomic uint32_t *word)
{
    os.syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void futex_wait_shared(_Atomic uint32_t *word, uint32_t value, uint64_t most_ns)
{
    struct timespec wait = {(time_t)(most_ns / 1000000000u), (long)(most_ns % 1000000000u)};
    os.syscall(SYS_futex, word, FUTEX_WAIT, value, &wait, NULL, 0);
}

void futex_wait_while(_Atomic uint32_t *word, uint32_t value, uint64_t most_ns)
{
    uint64_t begun = clock_monotonic_ns();
    uint64_t gone;
    while (atomic_load_explicit(word, memory_order_acquire) == value &&
           (gone = clock_monotonic_ns() - begun) < most_ns) {
        uint64_t left = most_ns - gone;
        struct timespec wait = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
        os.syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &wait, NULL, 0);
    }
}

void futex_wait(_Atomic uint32_t *word, uint64_t most_ns)
{
    futex_wait_while(word, 0, most_ns);
}
