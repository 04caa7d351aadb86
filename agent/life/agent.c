// SPDX-License-Identifier: Apache-2.0
#include "agent/life/agent.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/base/futex.h"
#include "agent/base/log.h"
#include "agent/base/once.h"
#include "agent/base/own_stack.h"
#include "agent/base/preparation.h"
#include "agent/base/process.h"
#include "agent/base/stack.h"
#include "agent/base/thread.h"
#include "agent/describe/http_naming.h"
#include "agent/libraries/curl/curl_handle.h"
#include "agent/libraries/mysql/mysql_record.h"
#include "agent/libraries/mysql/mysql_span.h"
#include "agent/libraries/s3/s3.h"
#include "agent/net/connection.h"
#include "agent/net/unseen.h"
#include "agent/protocols/http/http_settings.h"
#include "agent/protocols/http/served.h"
#include "agent/queue/family.h"
#include "agent/queue/lodging.h"
#include "agent/queue/queue.h"
#include "agent/span/propagator.h"
#include "agent/span/sampler.h"
#include "agent/span/unwinder.h"
#include "agent/text/redact.h"
#include "agent/work/call.h"
#include "agent/work/client_span.h"
#include "agent/work/context.h"
#include "agent/work/evidence.h"
#include "agent/work/exchange.h"
#include "agent/work/exchange_inheritance.h"
#include "agent/work/with_sdk.h"

/* What an heir that ends waits for children that leave their spans to it, of AGENT_LEAVING_NS. */
#define CHILDREN_NS 200000000u

#define WRITING_NS    100000u /* between two looks whether children write there, */
#define WRITING_LOOKS 10      /* which are so many */

#define SETTLING_NS 100000000u /* takes a fraction of a millisecond, unless the machine is busy */

/* Both written in the constructor, before the gate opens. */
static const struct config *config;
static struct agent_exporter exporter;

_Atomic bool agent_gate;
static _Atomic bool exit_registered;
static bool fork_known; /* written in a forked child before it has threads */

static void at_exit(void)
{
    agent_leave(true);
}

static void register_exit(void *unused)
{
    (void)unused;
    atexit(at_exit);
}

/* The handler as late as the first span: they run last registered first, and this one must run
 * before those of the libraries that the program has been using. */
static bool start_exporter(void)
{
    bool begun = !exporter.start || exporter.start();
    if (!atomic_exchange_explicit(&exit_registered, true, memory_order_relaxed))
        own_stack_run(register_exit, NULL);
    return begun;
}

/* Each room's own. */
static bool prepare_rooms(void)
{
    span_limit_texts(config->attribute_value_length_limit);
    sampler_prepare(config);
    propagator_prepare(config);
    redact_prepare(config);
    served_prepare(config);
    client_span_prepare(config);
    with_sdk_prepare(config);
    s3_prepare(config);
    mysql_span_prepare(config);
    http_settings_prepare(config);
    return http_naming_prepare(config) && exchange_prepare();
}

static bool prepare(void)
{
    int saved = errno;
    bool done = prepare_rooms();
    family_found();
    if (!done)
        log_write(LOG_ERROR, "no memory for spans: tracing is off here");
    else if (exporter.init)
        exporter.init();
    errno = saved;
    return done;
}

void agent_open(const struct config *settings, const struct agent_exporter *handed_in)
{
    config = settings;
    exporter = *handed_in;
    preparation_make = prepare;
    queue_init(config, &(struct queue_exporter){
                           .place = exporter.place,
                           .start = start_exporter,
                           .wake = exporter.wake,
                           .identify = exporter.identify,
                       });
    process_own_memory();
    stack_init();
    life_init();
    atomic_store_explicit(&agent_gate, true, memory_order_relaxed);
}

void agent_note_fork(void)
{
    fork_known = true;
}

/* The order matters: numbers and memory first, the exporter's view of them last. */
__attribute__((cold)) static void settle_in_child(void *unused)
{
    (void)unused;
    process_own_memory();
    context_forked();
    evidence_forked();
    unwinder_forked();
    connection_forked_child();
    ring_thread_reset();
    memset(&counters, 0, sizeof counters);
    queue_forked(exchange_forked(fork_known));
    fork_known = false;
    once_forked(&preparation);
    if (exporter.child)
        exporter.child();
    queue_lodge();
    life_acknowledge();
}

__attribute__((noinline)) bool agent_settle(void)
{
    int saved = errno;
    if (life_forked() && !own_stack_run(settle_in_child, NULL))
        settle_in_child(NULL); /* no memory: better here than not at all */
    errno = saved;
    return !life_settling();
}

bool agent_enter_own_process(void)
{
    return agent_enter() && process_owns_memory();
}

bool agent_enter_settled(void)
{
    if (!agent_gate_open() || thread_is_own())
        return false;
    if (!agent_enter()) {
        uint64_t begun_ns = clock_monotonic_ns();
        while (life_settling() && clock_monotonic_ns() - begun_ns < SETTLING_NS)
            sched_yield();
    }
    return agent_enter_own_process();
}

void agent_listen(void)
{
    if (preparation_do() && exporter.prepare)
        exporter.prepare();
}

void agent_restrict(bool strictly)
{
    if (exporter.start && queue_make_region())
        exporter.start();
    if (exporter.await_start)
        exporter.await_start();
    lodging_quit_now(); /* a filter may not allow it later */
    if (strictly)
        thread_mark_own();
}

/* Once: what ends after all is counted as that, too, and has left no account. */
static void end_what_is_open(void)
{
    static _Atomic uint32_t counted_in; /* the process */
    if (atomic_exchange(&counted_in, process_owner) == process_owner)
        return;
    mysql_record_open_calls();
    curl_transfer_count_open();
    call_count_open();
    exchange_process_ends();
}

/* The caller's, which may be that of a signal handler. */
struct stack {
    uintptr_t here;
    uintptr_t end;
};

/* Children's last spans, too: who had begun to write before it was closed is done in a moment. */
static void close_to_children(void)
{
    static _Atomic uint32_t never;
    lodging_close(&queue.region);
    if (!queue_has_region() || !lodging_was_opened(queue.region.header))
        return;
    for (int i = 0; i < WRITING_LOOKS && !lodging_end(&queue.region); i++)
        futex_wait(&never, WRITING_NS);
}

static void leave_for_good(void *context)
{
    const struct stack *stack = context;
    if (preparation_is_done()) {
        connection_process_ends(stack->here, stack->end);
        end_what_is_open();
        connection_release_refused();
        if (family_is_founder() && family_has_left())
            queue_inherit();
    }
    unseen_say();
    with_sdk_say();
    uint64_t begun_ns = clock_monotonic_ns();
    family_resign(CHILDREN_NS);
    close_to_children();
    if (queue_has_region())
        family_leave(&queue.region);
    uint64_t waited_ns = clock_monotonic_ns() - begun_ns;
    if (exporter.stop)
        exporter.stop(waited_ns < AGENT_LEAVING_NS ? AGENT_LEAVING_NS - waited_ns : 0);
    if (!queue_has_region())
        return;
    region_leave(&queue.region);
    family_has_gone(queue.region.path[0] != '\0');
}

/* At an exec: memory goes with the program, and to send what waits in it would be to wait. */
static void say_what_is_lost(void)
{
    unsigned spans = ring_pending(queue.region.ring);
    if (spans && !queue.region.path[0])
        log_write(LOG_INFO,
                  "%u spans that wait in memory, without a file (OTEL_AGENT_STATE_DIR), are lost "
                  "if another program takes this one's place",
                  spans);
}

static void leave_for_a_while(void *unused)
{
    (void)unused;
    uint64_t handed_on = connection_outliving();
    exchange_replacing(handed_on);
    if (!queue_has_region())
        return;
    say_what_is_lost();
    lodging_close(&queue.region);
    region_replace(&queue.region, handed_on);
    queue_say_begun(); /* where it fails, a sign of life says so */
}

void agent_leave(bool for_good)
{
    if (!agent_gate_open() || thread_is_own() || !process_owns_memory() || life_settling())
        return;
    if (!for_good && (queue_has_region() || exchange_lodges()))
        own_stack_run(leave_for_a_while, NULL);
    struct stack stack = {(uintptr_t)__builtin_frame_address(0), 0};
    if (for_good)
        stack.end = stack_end();
    if (for_good && !own_stack_run_long(leave_for_good, &stack))
        leave_for_good(&stack); /* no memory: better here than not at all */
}

void agent_stay(void)
{
    if (agent_gate_open() && exchange_lodges() && !thread_is_own() && !life_settling() &&
        process_owns_memory())
        exchange_staying();
}
