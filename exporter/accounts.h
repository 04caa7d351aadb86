// SPDX-License-Identifier: Apache-2.0
/* accounts.h - the counters as people are told them when a process ends. */
#ifndef EXPORTER_ACCOUNTS_H
#define EXPORTER_ACCOUNTS_H

#include <stdint.h>

/* At level info. */
void accounts_say(void);

/* Spans that have ended and of which nobody knows yet what became. */
uint64_t accounts_unsettled(void);

/* Likewise; but of so many that wait in the ring, those that children left there are this process's
 * own from now on. */
uint64_t accounts_take_over(uint64_t pending);

#endif
