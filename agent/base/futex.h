// SPDX-License-Identifier: Apache-2.0
/* futex.h - words that threads wait for: of this process, unless it is said. */
#ifndef AGENT_FUTEX_H
#define AGENT_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

void futex_wake(_Atomic uint32_t *word);

/* Waits while the word is `value`, at most for so long. A monotonic clock that goes back, which a
 * preload like libfaketime brings about, makes for an immense time that has gone by: the wait is
 * over early, here and wherever times are compared like this, where a deadline would be far off. */
void futex_wait_while(_Atomic uint32_t *word, uint32_t value, uint64_t most_ns);

/* While it is 0. */
void futex_wait(_Atomic uint32_t *word, uint64_t most_ns);

/* The same for a word in memory that processes share. It may be over early: whoever waits looks
 * again. */
void futex_wake_shared(_Atomic uint32_t *word);
void futex_wait_shared(_Atomic uint32_t *word, uint32_t value, uint64_t most_ns);

#endif
