// SPDX-License-Identifier: Apache-2.0
/* signals.h - which signals wait.
 *
 * Raw, because libc's functions can't be told from those that a preload has put in their place, and
 * do not pass on the kernel's sets as they are. */
#ifndef AGENT_SIGNALS_H
#define AGENT_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "agent/base/os.h"

#define SIGNAL_BIT(number) (UINT64_C(1) << ((number)-1))

/* All but the two that the C library keeps for itself, SIGCANCEL and SIGSETXID: threads inherit the
 * mask, and setuid() waits for each of them. */
#define SIGNALS_ALL (~(SIGNAL_BIT(32) | SIGNAL_BIT(33)))

/* As sigprocmask(); `before`, the calling thread's mask until then, may be NULL. */
static inline bool signals_change(int how, uint64_t change, uint64_t *before)
{
    return os.syscall(SYS_rt_sigprocmask, how, &change, before, sizeof change) == 0;
}

#endif
