// SPDX-License-Identifier: Apache-2.0
#include "agent/life/agent.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/base/futex.h"
#include "agent/base/log.h"
#include "agent/base/once.h"
#include "agent/base/own_stack.h"
#include "agent/base/random.h"
#include "agent/base/stack.h"
#include "agent/base/thread.h"
#include "agent/libraries/curl/curl_handle.h"
#include "agent/libraries/mysql/mysql_record.h"
#include "agent/life/life.h"
#include "agent/net/connection.h"
#include "agent/net/unseen.h"
#include "agent/queue/family.h"
#include "agent/span/unwinder.h"
#include "agent/work/context.h"
#include "agent/work/evidence.h"
#include "agent/work/exchange.h"

/* Requests in flight that are traced at a time; address space only until they are used. */
#define EXCHANGES       4096
#define EXCHANGES_LEAST 16
#define ADDRESS_SHARE   16 /* of limited address space: one in so many bytes */

struct agent agent;

_Atomic bool agent_gate;
static struct once prepared;
static struct once region_made;
static _Atomic bool exit_registered;
static _Atomic bool exporting; /* relaxed: whoever finds it false too long asks once more */
static pid_t own_pid;   /* written in the constructor and by a forked child before it has threads */
static bool fork_known; /* written in a forked child before it has threads */

void agent_open(void)
{
    own_pid = getpid();
    stack_init();
    life_init();
    atomic_store_explicit(&agent_gate, true, memory_order_relaxed);
}

/* Settings in the form that requests want them in. */
static void compile_settings(void)
{
    sampler_init(&agent.sampler, &agent.config);
    span_limit_texts(agent.config.attribute_value_length_limit);
    if (redact_init(&agent.redact, &agent.config))
        log_once(LOG_WARN, NULL, "OTEL_AGENT_REDACT_KEYS: more than %d words, the rest is not used",
                 REDACT_WORDS);
    struct route_faults faults = route_patterns_init(&agent.route_patterns, &agent.config);
    if (faults.count)
        log_once(LOG_WARN, NULL,
                 "OTEL_AGENT_HTTP_ROUTES: '%.*s' is not used: %s; %zu in all are not",
                 (int)faults.pattern.length, faults.pattern.at, faults.reason, faults.count);
    struct ignore_faults left_out = ignore_init(&agent.ignore, &agent.config);
    if (left_out.count)
        log_once(LOG_WARN, NULL,
                 "OTEL_AGENT_HTTP_IGNORE: '%.*s' is not used: %s; %zu in all are not",
                 (int)left_out.entry.length, left_out.entry.at, left_out.reason, left_out.count);
    if (s3_endpoints_init(&agent.s3_endpoints, &agent.config))
        log_once(LOG_WARN, NULL,
                 "OTEL_AGENT_S3_ENDPOINTS: some entries are not used (HOST or HOST:PORT, "
                 "at most %d)",
                 S3_ENDPOINTS);
    if (capture_init_request(&agent.request_capture, &agent.config))
        log_once(LOG_WARN, NULL,
                 "OTEL_AGENT_CAPTURE_REQUEST_HEADERS: more than %d names with those of "
                 "OTEL_AGENT_HEADER_*, the rest is not recorded",
                 CAPTURE_MOST);
    if (capture_init_response(&agent.response_capture, &agent.config))
        log_once(LOG_WARN, NULL,
                 "OTEL_AGENT_CAPTURE_RESPONSE_HEADERS: more than %d names, the rest is not "
                 "recorded",
                 CAPTURE_MOST);
}

void agent_note_fork(void)
{
    fork_known = true;
}

/* It is the parent's, and with it what waits there. */
static void leave_region(void)
{
    if (exchange_forked(fork_known)) {
        agent.inherited = agent.region;
        agent.region = (struct region){0};
    }
    region_forget(&agent.region);
    fork_known = false;
}

/* The order matters: numbers and memory first, the exporter's view of them last. */
__attribute__((cold)) static void settle_in_child(void *unused)
{
    (void)unused;
    own_pid = getpid();
    context_forked();
    evidence_forked();
    unwinder_forked();
    connection_forked_child();
    ring_thread_reset();
    memset(&counters, 0, sizeof counters);
    leave_region();
    once_reset(&region_made);
    atomic_store_explicit(&exporting, false, memory_order_relaxed);
    once_forked(&prepared);
    if (agent.exporter.child)
        agent.exporter.child();
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
    return agent_enter() && agent_in_own_process();
}

static bool make_route_tree(void)
{
    int64_t most = agent.config.http_routes_max;
    void *storage = NULL;
    if (most) {
        storage = mmap(NULL, route_tree_bytes(most), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (storage == MAP_FAILED)
            return false;
    }
    route_tree_init(&agent.route_tree, storage, most, random_next());
    return true;
}

/* Where address space is limited (RLIMIT_AS), the application needs it more than we do. */
static uint32_t affordable_exchanges(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return EXCHANGES;
    uint64_t share = limit.rlim_cur / ADDRESS_SHARE / EXCHANGE_MEMORY(1);
    if (share > EXCHANGES)
        return EXCHANGES;
    return share < EXCHANGES_LEAST ? EXCHANGES_LEAST : (uint32_t)share;
}

static bool make_exchanges(void)
{
    uint32_t count = affordable_exchanges();
    size_t bytes = EXCHANGE_MEMORY(count);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    /* Huge pages would make 2 MB resident at the first touch. */
    (void)madvise(memory, bytes, MADV_NOHUGEPAGE);
    exchange_init(memory, count);
    return true;
}

static bool make_region(void)
{
    struct region_place place = {0};
    if (agent.exporter.place)
        agent.exporter.place(&place);
    return region_init(&agent.region, (size_t)agent.config.max_queue_size, &place);
}

bool agent_make_region(void)
{
    return once_run(&region_made, make_region);
}

static bool prepare(void)
{
    int saved = errno;
    compile_settings();
    bool done = make_route_tree() && make_exchanges();
    family_found();
    if (!done)
        log_write(LOG_ERROR, "no memory for spans: tracing is off here");
    else if (agent.exporter.init)
        agent.exporter.init();
    errno = saved;
    return done;
}

bool agent_prepare(void)
{
    return once_run(&prepared, prepare);
}

void agent_listen(void)
{
    if (agent_prepare() && agent.exporter.prepare)
        agent.exporter.prepare();
}

bool agent_is_prepared(void)
{
    return once_is_done(&prepared);
}

static void at_exit(void)
{
    agent_leave(true);
}

static void register_exit(void *unused)
{
    (void)unused;
    atexit(at_exit);
}

void agent_restrict(bool strictly)
{
    if (agent.exporter.start && agent_make_region())
        agent.exporter.start();
    if (agent.exporter.await_start)
        agent.exporter.await_start();
    if (strictly)
        thread_mark_own();
}

/* The handler as late as the first span: they run last registered first, and this one must run
 * before those of the libraries that the program has been using. */
__attribute__((cold, noinline)) static void begin_exporting(void)
{
    bool begun = !agent.exporter.start || agent.exporter.start();
    if (!atomic_exchange_explicit(&exit_registered, true, memory_order_relaxed))
        own_stack_run(register_exit, NULL);
    atomic_store_explicit(&exporting, begun, memory_order_relaxed);
}

void agent_begin_exporting(void)
{
    if (agent_make_region() && !atomic_load_explicit(&exporting, memory_order_relaxed))
        begin_exporting();
}

__attribute__((cold, noinline)) void agent_inherit(void)
{
    if (!family_lacks_heir() || !agent_make_region())
        return;
    family_become_heir(&agent.region);
    begin_exporting();
}

#define MOMENT_NS 100000 /* more than it takes to publish what was made ready */
#define MOMENTS   200

/* The exporter's thread was woken to make room, and may have other things to do. Is it worth
 * another try? */
__attribute__((cold, noinline)) static bool make_room(int tries)
{
    static _Atomic uint32_t never;
    if (!ring_wants_more(agent.region.ring) || tries == MOMENTS)
        return false;
    int saved = errno;
    if (!region_grow(&agent.region))
        futex_wait(&never, MOMENT_NS);
    errno = saved;
    return true;
}

/* One place that writes, so that it is inlined. */
static bool write_to_ring(const struct span_record *record)
{
    int tries = 0;
    if (!agent_make_region())
        return false;
    while (!ring_write(agent.region.ring, record, record->length))
        if (!make_room(tries++))
            return false;
    return true;
}

void agent_hand_over(const struct span_record *record)
{
    if (!agent.config.exporters)
        return; /* `none`: spans go nowhere */
    counters_add(&counters.spans_ended, 1);
    if (!write_to_ring(record)) {
        counters_add(&counters.dropped_queue_full, 1);
        if (!agent.region.ring)
            return;
    }
    if (!atomic_load_explicit(&exporting, memory_order_relaxed))
        begin_exporting();
    if (ring_filling(agent.region.ring) && agent.exporter.wake)
        agent.exporter.wake();
}

static bool has_region(void)
{
    return once_is_done(&region_made);
}

/* Once: what ends after all is counted as that, too, and has left no account. */
static void count_open_calls(void)
{
    static _Atomic uint32_t counted_in; /* the process */
    if (atomic_exchange(&counted_in, agent_process()) == agent_process())
        return;
    mysql_record_open_calls();
    curl_transfer_count_open();
}

static void leave_for_good(void *unused)
{
    (void)unused;
    if (agent_is_prepared()) {
        count_open_calls();
        connection_release_refused();
        if (family_is_founder() && family_has_left())
            agent_inherit();
    }
    unseen_say();
    family_resign();
    if (agent.exporter.stop)
        agent.exporter.stop(AGENT_LEAVING_NS);
    if (!has_region())
        return;
    region_leave(&agent.region);
    if (agent.region.path[0])
        family_say_left();
}

/* At an exec: memory goes with the program, and to send what waits in it would be to wait. */
static void say_what_is_lost(void)
{
    unsigned spans = ring_pending(agent.region.ring);
    if (spans && !agent.region.path[0])
        log_write(LOG_INFO,
                  "%u spans that wait in memory, without a file (OTEL_AGENT_STATE_DIR), are lost "
                  "if another program takes this one's place",
                  spans);
}

static void leave_for_a_while(void *unused)
{
    (void)unused;
    say_what_is_lost();
    region_replace(&agent.region, connection_outliving());
}

void agent_leave(bool for_good)
{
    if (!agent_gate_open() || thread_is_own() || !agent_in_own_process() || life_settling())
        return;
    if (!for_good && has_region())
        own_stack_run(leave_for_a_while, NULL);
    if (for_good && !own_stack_run_long(leave_for_good, NULL))
        leave_for_good(NULL); /* no memory: better here than not at all */
}

bool agent_in_own_process(void)
{
    return getpid() == own_pid;
}

uint32_t agent_process(void)
{
    return (uint32_t)own_pid;
}
