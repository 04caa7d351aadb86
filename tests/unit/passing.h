// SPDX-License-Identifier: Apache-2.0
/* passing.h - whatever begins passes the place where it ends, once.
 *
 * passing.c stands between the product and the functions where exchanges and calls begin and end
 * (the linker's --wrap). What ends without having begun, or twice, stops the test. */
#ifndef TESTS_UNIT_PASSING_H
#define TESTS_UNIT_PASSING_H

#include <stdint.h>

#include "agent/work/client_span.h"
#include "agent/work/exchange.h"

#define PASSING_ENDINGS 5

struct passing {
    unsigned open;                   /* begun, and not ended */
    unsigned ended[PASSING_ENDINGS]; /* by enum exchange_ending, or enum client_ending */
};

extern struct passing passing_exchanges;
extern struct passing passing_calls;

/* What was known of the last exchange when it ended. */
extern struct exchange passing_last;
extern uint64_t passing_last_ns;

/* Forgets what has ended, not what is open. */
void passing_count_anew(void);

#endif
