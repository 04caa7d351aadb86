// SPDX-License-Identifier: Apache-2.0
/* A thread that rests, and who wakes it. */
#include "tests/unit/queue/regions.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/process.h"
#include "agent/queue/family.h"
#include "agent/queue/lodging.h"
#include "agent/queue/queue.h"

#define LONG_NS   60000000000u
#define SHORT_NS  20000000u
#define MOMENT_NS 20000000000u /* between the two: it was woken, on a machine that is busy, too */

static struct config config;
static _Alignas(8) unsigned char memory[4096];
static _Atomic uint32_t interrupted;
static _Atomic bool asleep;

static void put_there(struct region_place *place)
{
    *place = in_directory(directory);
}

static int begin(void **state)
{
    (void)state;
    ring_thread_reset();
    queue_forked(QUEUE_KEPT_NONE);
    region_forget(&queue.inherited);
    interrupted = 0;
    config.max_queue_size = 64;
    config.exporters = EXPORTER_OTLP;
    queue_init(&config, &(struct queue_exporter){.place = put_there});
    return 0;
}

static int finish(void **state)
{
    (void)state;
    family_resign(0);
    family_calls();
    region_unlink(&queue.region);
    return 0;
}

static void hand_over(void)
{
    struct span_context self = {.trace_id = {1}, .span_id = {1}};
    struct span span;
    span_begin(&span, memory, sizeof memory, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, NULL, 1000);
    span_end(&span, 2000);
    queue_hand_over(span.record);
}

static void take_all(void)
{
    while (ring_read(queue.region.ring, taken, sizeof taken))
        ;
}

/* There was a span once, and now the thread rests. */
static void say_rest(void)
{
    hand_over();
    take_all();
    assert_true(rest_is_possible(&queue.region));
    assert_true(rest_say(&queue.region));
    assert_true(rest_is_said(&queue.region));
}

static uint64_t sleep_ns(uint64_t most_ns)
{
    uint64_t begun_ns = clock_monotonic_ns();
    rest_sleep(&queue.region, &interrupted, most_ns);
    return clock_monotonic_ns() - begun_ns;
}

static void *sleep_long(void *slept_ns)
{
    asleep = true;
    *(uint64_t *)slept_ns = sleep_ns(LONG_NS);
    return NULL;
}

/* `act` wakes who sleeps: before it does so, or after. */
static void check_woken_by(void (*act)(void))
{
    pthread_t thread;
    uint64_t slept_ns = 0;
    asleep = false;
    assert_int_equal(pthread_create(&thread, NULL, sleep_long, &slept_ns), 0);
    while (!asleep)
        ;
    usleep(20000);
    act();
    pthread_join(thread, NULL);
    assert_true(slept_ns < MOMENT_NS);
}

static void who_is_not_known_to_export_does_not_rest(void **state)
{
    (void)state;
    assert_true(queue_make_region());
    assert_false(rest_say(&queue.region));
    hand_over();
    take_all();
    assert_true(rest_say(&queue.region));
}

static void it_sleeps_as_long_as_it_may(void **state)
{
    (void)state;
    say_rest();
    assert_true(sleep_ns(SHORT_NS) >= SHORT_NS);
    assert_true(rest_is_said(&queue.region));
}

static void a_span_ends_it_and_is_not_missed(void **state)
{
    (void)state;
    say_rest();
    check_woken_by(hand_over);
    assert_false(rest_is_said(&queue.region));
    take_all();
    rest_end(&queue.region);
    assert_true(rest_say(&queue.region));
    hand_over();
    assert_true(sleep_ns(LONG_NS) < MOMENT_NS);
}

static void only_the_first_span_costs_a_call(void **state)
{
    (void)state;
    say_rest();
    const _Atomic uint32_t *bell = family_bell(queue.region.header->pid);
    uint32_t before = *bell;
    for (int i = 0; i < 5; i++)
        hand_over();
    assert_int_equal(*bell, before + 1);
}

static void so_does_a_request_that_begins(void **state)
{
    (void)state;
    say_rest();
    check_woken_by(queue_say_begun);
    assert_false(rest_is_said(&queue.region));
}

static void it_does_not_rest_while_something_is_under_way(void **state)
{
    (void)state;
    say_rest();
    atomic_store(&queue.region.open[0].in_flight, 5);
    assert_false(rest_is_possible(&queue.region));
    assert_true(sleep_ns(LONG_NS) < MOMENT_NS);
    atomic_store(&queue.region.open[0].in_flight, 0);
    interrupted = 1;
    assert_true(sleep_ns(LONG_NS) < MOMENT_NS);
}

static pid_t child;

static void lodge_in_a_child(void)
{
    child = fork();
    if (child == 0) {
        ring_thread_reset();
        lodging_begin(&queue.region, false);
        _exit(lodging_take() == 0);
    }
}

static void a_child_that_lodges_here_ends_it(void **state)
{
    (void)state;
    int status = -1;
    say_rest();
    lodging_open(&queue.region);
    check_woken_by(lodge_in_a_child);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(rest_is_said(&queue.region));
}

static void what_is_left_to_the_heir_wakes_it(void **state)
{
    (void)state;
    say_rest();
    assert_true(family_become_heir(&queue.region));
    check_woken_by(family_say_left);
    assert_false(rest_is_possible(&queue.region));
    assert_true(family_calls());
    assert_true(rest_is_possible(&queue.region));
}

static int set_up(void **state)
{
    process_own_memory();
    family_found();
    return make_directory(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_not_known_to_export_does_not_rest),
        TEST(it_sleeps_as_long_as_it_may),
        TEST(a_span_ends_it_and_is_not_missed),
        TEST(only_the_first_span_costs_a_call),
        TEST(so_does_a_request_that_begins),
        TEST(it_does_not_rest_while_something_is_under_way),
        TEST(a_child_that_lodges_here_ends_it),
        TEST(what_is_left_to_the_heir_wakes_it),
    };
    return cmocka_run_group_tests(tests, set_up, remove_directory);
}
