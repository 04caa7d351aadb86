// SPDX-License-Identifier: Apache-2.0
/* turns.h - included into the agent's sources before anything else: where one of them reads or
 * changes what threads share, another thread may have its turn first.
 *
 * Only clang's atomics can be wrapped like this. */
#ifndef TESTS_FUZZ_TURNS_H
#define TESTS_FUZZ_TURNS_H

#include <stdatomic.h>

/* The player's (threads.c). */
void turn(void);

#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak_explicit
#undef atomic_fetch_add
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit

#define TURN_ORDER                             __ATOMIC_SEQ_CST
#define atomic_load_explicit(at, order)        (turn(), __c11_atomic_load(at, TURN_ORDER))
#define atomic_load(at)                        atomic_load_explicit(at, TURN_ORDER)
#define atomic_store_explicit(at, word, order) (turn(), __c11_atomic_store(at, word, TURN_ORDER))
#define atomic_store(at, word)                 atomic_store_explicit(at, word, TURN_ORDER)
#define atomic_exchange_explicit(at, word, order)                                                  \
    (turn(), __c11_atomic_exchange(at, word, TURN_ORDER))
#define atomic_exchange(at, word) atomic_exchange_explicit(at, word, TURN_ORDER)
#define atomic_compare_exchange_strong(at, expected, word)                                         \
    (turn(), __c11_atomic_compare_exchange_strong(at, expected, word, TURN_ORDER, TURN_ORDER))
#define atomic_compare_exchange_strong_explicit(at, expected, word, success, failure)              \
    atomic_compare_exchange_strong(at, expected, word)
#define atomic_compare_exchange_weak_explicit(at, expected, word, success, failure)                \
    atomic_compare_exchange_strong(at, expected, word)
#define atomic_fetch_add_explicit(at, more, order)                                                 \
    (turn(), __c11_atomic_fetch_add(at, more, TURN_ORDER))
#define atomic_fetch_add(at, more) atomic_fetch_add_explicit(at, more, TURN_ORDER)
#define atomic_fetch_sub_explicit(at, less, order)                                                 \
    (turn(), __c11_atomic_fetch_sub(at, less, TURN_ORDER))
#define atomic_fetch_or(at, bits)                 (turn(), __c11_atomic_fetch_or(at, bits, TURN_ORDER))
#define atomic_fetch_or_explicit(at, bits, order) atomic_fetch_or(at, bits)
#define atomic_fetch_and_explicit(at, bits, order)                                                 \
    (turn(), __c11_atomic_fetch_and(at, bits, TURN_ORDER))

#endif
