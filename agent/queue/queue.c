// SPDX-License-Identifier: Apache-2.0
#include "agent/queue/queue.h"

#include <errno.h>
#include <stdatomic.h>

#include "agent/base/counters.h"
#include "agent/base/futex.h"
#include "agent/base/once.h"
#include "agent/queue/family.h"
#include "agent/queue/lodging.h"

struct queue queue;
static struct once region_made;

void queue_init(const struct config *config, const struct queue_exporter *exporter)
{
    queue.records = (size_t)config->max_queue_size;
    queue.has_exporters = config->exporters != 0;
    queue.exporter = *exporter;
}

static bool make_region(void)
{
    struct region_place place = {0};
    if (queue.exporter.place)
        queue.exporter.place(&place);
    return region_init(&queue.region, queue.records, &place);
}

bool queue_make_region(void)
{
    return once_run(&region_made, make_region);
}

bool queue_has_region(void)
{
    return once_is_done(&region_made);
}

static bool is_exporting(void)
{
    return atomic_load_explicit(&rest_state, memory_order_relaxed) != REST_UNKNOWN;
}

__attribute__((cold, noinline)) static void begin_exporting(void)
{
    bool begun = !queue.exporter.start || queue.exporter.start();
    uint32_t before = atomic_exchange(&rest_state, begun ? REST_AWAKE : REST_UNKNOWN);
    if (before == REST_RESTS)
        rest_wake(&queue.region);
}

void queue_begin_exporting(void)
{
    if (queue_make_region() && !is_exporting())
        begin_exporting();
}

__attribute__((noinline)) void queue_rouse(void)
{
    rest_rouse(&queue.region);
}

/* There is a span for a thread that has not begun, or that rests. */
__attribute__((cold, noinline)) static void call_exporter(void)
{
    if (is_exporting()) {
        queue_rouse();
        return;
    }
    family_say_records();
    begin_exporting();
}

__attribute__((noinline)) void queue_inherit(void)
{
    bool lacks_heir = family_lacks_heir();
    if (queue_has_region() && !lacks_heir && lodging_was_opened(queue.region.header))
        return;
    if (!queue.has_exporters || !queue_make_region())
        return;
    if (lacks_heir)
        family_become_heir(&queue.region);
    begin_exporting();
    if (is_exporting())
        lodging_open(&queue.region);
}

#define MOMENT_NS      100000 /* more than it takes to publish what was made ready */
#define MOMENTS        200
#define MOMENTS_SHARED 4

/* The exporter's thread was woken to make room, and may have other things to do. Is it worth
 * another try? */
__attribute__((cold, noinline)) static bool make_room(int tries)
{
    static _Atomic uint32_t never;
    /* Where children write, too, it may have to wait for one of them, which may have been stopped.
     */
    int most = lodging_was_opened(queue.region.header) ? MOMENTS_SHARED : MOMENTS;
    if (!ring_wants_more(queue.region.ring) || tries == most)
        return false;
    int saved = errno;
    if (!region_grow(&queue.region))
        futex_wait(&never, MOMENT_NS);
    errno = saved;
    return true;
}

/* One place that writes, so that it is inlined. */
static bool write_to_ring(const struct span_record *record)
{
    int tries = 0;
    if (!queue_make_region())
        return false;
    while (!ring_write(queue.region.ring, record, record->length))
        if (!make_room(tries++))
            return false;
    return true;
}

void queue_hand_over(const struct span_record *record)
{
    if (!queue.has_exporters)
        return;
    counters_add(&counters.spans_ended, 1);
    if (!queue_has_region() && lodging_send(record)) {
        counters_add(&counters.spans_left, 1);
        return;
    }
    if (!write_to_ring(record)) {
        counters_add(&counters.dropped_queue_full, 1);
        if (!queue.region.ring)
            return;
    }
    atomic_signal_fence(memory_order_seq_cst); /* for the compiler: see rest.h */
    if (atomic_load_explicit(&rest_state, memory_order_relaxed) != REST_AWAKE)
        call_exporter();
    if (ring_is_filling(queue.region.ring) && queue.exporter.wake)
        queue.exporter.wake();
}

void queue_forked(enum queue_kept kept)
{
    bool offered = lodging_is_offered(&queue.region) && kept != QUEUE_KEPT_OLDER;
    lodging_begin(NULL, false);
    span_say_process(NULL);
    if (kept != QUEUE_KEPT_OLDER)
        region_forget(&queue.inherited);
    if (kept == QUEUE_KEPT_PARENTS || offered) {
        queue.inherited = queue.region;
        queue.region = (struct region){0};
    }
    region_forget(&queue.region);
    queue.inherits = kept != QUEUE_KEPT_NONE;
    queue.lodges = offered;
    once_reset(&region_made);
    atomic_store_explicit(&rest_state, REST_UNKNOWN, memory_order_relaxed);
}

void queue_lodge(void)
{
    struct span_process process = {0};
    if (!queue.lodges || !queue.exporter.identify)
        return;
    queue.exporter.identify(&process);
    span_say_process(&process);
    lodging_begin(&queue.inherited, queue.inherits);
}
