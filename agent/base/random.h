// SPDX-License-Identifier: Apache-2.0
/* random.h - numbers for ids.
 *
 * A generator a thread (xoshiro256**, Blackman and Vigna), seeded by the kernel: no lock, no
 * system call after the first number. Ids need to be unique, not secret. A forked child seeds
 * anew, or its ids would repeat the parent's. */
#ifndef AGENT_RANDOM_H
#define AGENT_RANDOM_H

#include <stdint.h>

/* 64 random bits; never blocks, never fails (falls back to clock and ids without getrandom). */
uint64_t random_next(void);

/* Every thread's generator is seeded again before its next number. In a forked child. */
void random_reseed(void);

/* Never all zero. The last seven bytes of a trace id are random as the `random` flag of W3C Trace
 * Context level 2 promises. */
void random_make_span_id(uint8_t id[8]);
void random_make_root_ids(uint8_t trace_id[16], uint8_t span_id[8]);

#endif
