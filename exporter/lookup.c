// SPDX-License-Identifier: Apache-2.0
#include "exporter/lookup.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/futex.h"
#include "agent/base/thread.h"

#define WAIT_NS 200000000u  /* what a listen() waits for the collector's name at most */
#define LOOK_NS 1000000000u /* between two looks whether it has been found */

static struct {
    struct outlet *outlet; /* written in the constructor only */
    _Atomic bool opened;   /* collector_open() was called; no order needed, it starts no thread */
    _Atomic bool looking;  /* somebody looks the address up, or has; no order needed */
    _Atomic uint32_t done; /* a futex; 1: with or without success; release pairs with acquire */
} lookup;

void lookup_init(struct outlet *outlet)
{
    lookup.outlet = outlet;
    atomic_store(&lookup.looking, false);
    atomic_store(&lookup.done, 0);
}

void lookup_child(void)
{
    atomic_store(&lookup.looking, atomic_load(&lookup.done));
}

static bool is_needed(void)
{
    return outlet_has(lookup.outlet, EXPORTER_OTLP);
}

void lookup_open(void)
{
    if (is_needed() && !atomic_exchange(&lookup.opened, true))
        collector_open(&lookup.outlet->collector);
}

bool lookup_claim(void)
{
    return is_needed() && !atomic_exchange_explicit(&lookup.looking, true, memory_order_relaxed);
}

void lookup_disclaim(void)
{
    atomic_store_explicit(&lookup.looking, false, memory_order_relaxed);
}

static void look_up(void)
{
    collector_prepare(&lookup.outlet->collector);
    atomic_store_explicit(&lookup.done, 1, memory_order_release);
    futex_wake(&lookup.done);
}

/* The caller does not wait for a name server that is away: that takes ten seconds and more. A
 * thread that has found nothing by then goes on, and ends by itself. Where there can be none, the
 * exporter's does it. */
static void look_up_beside(void)
{
    pthread_t thread;
    if (thread_create(&thread, look_up) != 0) {
        lookup_disclaim();
        return;
    }
    futex_wait(&lookup.done, WAIT_NS);
    if (lookup_is_done())
        pthread_join(thread, NULL);
    else
        pthread_detach(thread);
}

void lookup_do(void)
{
    lookup_open();
    if (collector_asks(&lookup.outlet->collector))
        look_up_beside();
    else
        look_up();
}

/* It stays in the resolver's hands until then, also where the process ends meanwhile. */
void lookup_await(void)
{
    if (lookup_claim()) {
        lookup_open();
        look_up();
    }
    while (is_needed() && !lookup_is_done())
        futex_wait(&lookup.done, LOOK_NS);
}

bool lookup_is_done(void)
{
    return atomic_load_explicit(&lookup.done, memory_order_acquire) != 0;
}
