// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/base/counters.h"
#include "agent/queue/queue.h"

#define RECORDS 64

static unsigned starts, wakes;
static bool will_start;
static struct config config;
static _Alignas(8) unsigned char memory[RING_RECORD_BYTES_MAX];

static bool start(void)
{
    starts++;
    return will_start;
}

static void wake(void)
{
    wakes++;
}

static int begin(void **state)
{
    (void)state;
    queue_forked(QUEUE_KEPT_NONE); /* no region, nobody started */
    region_forget(&queue.inherited);
    starts = wakes = 0;
    will_start = true;
    memset(&counters, 0, sizeof counters);
    config.max_queue_size = RECORDS;
    config.exporters = EXPORTER_OTLP;
    queue_init(&config, &(struct queue_exporter){.start = start, .wake = wake});
    return 0;
}

static void hand_over(unsigned count)
{
    struct span_context self = {.trace_id = {1}, .span_id = {1}};
    struct span span;
    for (unsigned i = 0; i < count; i++) {
        span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL,
                   1000);
        span_end(&span, 2000);
        queue_hand_over(span.record);
    }
}

static void the_first_span_makes_the_region_and_starts_the_exporter(void **state)
{
    (void)state;
    assert_false(queue_has_region());
    hand_over(1);
    assert_true(queue_has_region());
    assert_int_equal(starts, 1);
    hand_over(1);
    assert_int_equal(starts, 1);
    assert_int_equal(ring_pending(queue.region.ring), 2);
    assert_int_equal(counters_get(&counters.spans_ended), 2);
}

static void an_exporter_that_could_not_start_is_asked_again(void **state)
{
    (void)state;
    will_start = false;
    hand_over(3);
    assert_int_equal(starts, 3);
    will_start = true;
    hand_over(3);
    assert_int_equal(starts, 4);
}

static void without_exporters_nothing_is_kept(void **state)
{
    (void)state;
    config.exporters = 0;
    queue_init(&config, &(struct queue_exporter){.start = start, .wake = wake});
    hand_over(1);
    assert_false(queue_has_region());
    assert_int_equal(starts, 0);
    assert_int_equal(counters_get(&counters.spans_ended), 0);
}

static void what_finds_no_room_is_counted(void **state)
{
    (void)state;
    hand_over(RECORDS);
    assert_int_equal(counters_get(&counters.dropped_queue_full), 0);
    assert_true(wakes > 0);
    hand_over(2);
    assert_int_equal(counters_get(&counters.dropped_queue_full), 2);
    assert_int_equal(counters_get(&counters.spans_ended), RECORDS + 2);
}

static void a_child_keeps_its_parents_region_while_requests_are_in_flight(void **state)
{
    (void)state;
    hand_over(1);
    struct region_header *header = queue.region.header;
    queue_forked(QUEUE_KEPT_PARENTS);
    assert_ptr_equal(queue.inherited.header, header);
    assert_null(queue.region.header);
    assert_false(queue_has_region());
    hand_over(1); /* into one of its own */
    assert_ptr_not_equal(queue.region.header, header);
    assert_int_equal(ring_pending(queue.region.ring), 1);
    assert_int_equal(starts, 2);
}

static void a_region_that_is_not_needed_goes_with_the_fork(void **state)
{
    (void)state;
    hand_over(1);
    queue_forked(QUEUE_KEPT_NONE);
    assert_null(queue.region.header);
    assert_null(queue.inherited.header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_span_makes_the_region_and_starts_the_exporter, begin),
        cmocka_unit_test_setup(an_exporter_that_could_not_start_is_asked_again, begin),
        cmocka_unit_test_setup(without_exporters_nothing_is_kept, begin),
        cmocka_unit_test_setup(what_finds_no_room_is_counted, begin),
        cmocka_unit_test_setup(a_child_keeps_its_parents_region_while_requests_are_in_flight,
                               begin),
        cmocka_unit_test_setup(a_region_that_is_not_needed_goes_with_the_fork, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
