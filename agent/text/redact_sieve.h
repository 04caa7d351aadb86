// SPDX-License-Identifier: Apache-2.0
/* redact_sieve.h - where something to hide may begin, at a load and three steps a character.
 *
 * A bit for each of the first characters says what may stand there; so something may begin where
 * the characters have the bits one after the other. That lets through more than it should, but
 * rarely anything. What begins with the same letter shares a row of bits, with an empty bit behind
 * it, so that one row does not run into the next. */
#ifndef AGENT_REDACT_SIEVE_H
#define AGENT_REDACT_SIEVE_H

#include "agent/text/redact_rules.h"

#define REDACT_SIEVE_BYTES  4  /* that a row looks at */
#define REDACT_SIEVE_GROUPS 11 /* rows */

#define REDACT_SIEVE_SHORT_BYTES 2 /* that the row of words of one and two letters looks at */

#define REDACT_SIEVE_ESCAPE (UINT64_C(1) << 60) /* `%`, `@`: then there is more to look at */
#define REDACT_SIEVE_MARK   (UINT64_C(1) << 63) /* `%`, `=`, `:`; no beginning of anything */

static inline unsigned redact_sieve_group(unsigned char first)
{
    return (unsigned char)slice_lower((char)first) % REDACT_SIEVE_GROUPS;
}

#define REDACT_SIEVE_BIT(group, position)                                                          \
    (UINT64_C(1) << (REDACT_SIEVE_SHORT_BYTES + 1 + (group) * (REDACT_SIEVE_BYTES + 1) +           \
                     (position)))

/* Where each row begins, and its last bit. No bit that is shifted meets one that is added, because
 * a row has an empty bit behind it. */
#define REDACT_SIEVE_STARTS (REDACT_SIEVE_ROWS(0) | 1 | REDACT_SIEVE_ESCAPE)
#define REDACT_SIEVE_HITS   REDACT_SIEVE_ROWS(REDACT_SIEVE_BYTES - 1)
#define REDACT_SIEVE_ROWS(at)                                                                      \
    (REDACT_SIEVE_BIT(0, at) | REDACT_SIEVE_BIT(1, at) | REDACT_SIEVE_BIT(2, at) |                 \
     REDACT_SIEVE_BIT(3, at) | REDACT_SIEVE_BIT(4, at) | REDACT_SIEVE_BIT(5, at) |                 \
     REDACT_SIEVE_BIT(6, at) | REDACT_SIEVE_BIT(7, at) | REDACT_SIEVE_BIT(8, at) |                 \
     REDACT_SIEVE_BIT(9, at) | REDACT_SIEVE_BIT(10, at))

_Static_assert(REDACT_SIEVE_GROUPS == 11 &&
                   REDACT_SIEVE_BIT(REDACT_SIEVE_GROUPS, 0) < REDACT_SIEVE_ESCAPE,
               "eleven rows, and the escape's bit");

static inline void redact_sieve_add(struct redact *redact, unsigned group, unsigned position,
                                    unsigned char c)
{
    redact->sieve[c] |= REDACT_SIEVE_BIT(group, position);
}

/* Five bits of each character tell most of them apart. */
static inline size_t redact_pair(unsigned char first, unsigned char second)
{
    return (size_t)(first & 31) << 5 | (second & 31);
}

static inline void redact_add_pair(uint64_t pairs[16], unsigned char first, unsigned char second)
{
    size_t pair = redact_pair(first, second);
    pairs[pair / 64] |= UINT64_C(1) << (pair % 64);
}

static inline bool redact_has_pair(const uint64_t pairs[16], unsigned char first,
                                   unsigned char second)
{
    size_t pair = redact_pair(first, second);
    return pairs[pair / 64] >> (pair % 64) & 1;
}

#endif
