// SPDX-License-Identifier: Apache-2.0
#include "exporter/exporter.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/base/futex.h"
#include "agent/base/log.h"
#include "agent/base/once.h"
#include "agent/base/os.h"
#include "agent/base/own_stack.h"
#include "agent/base/thread.h"
#include "agent/queue/queue.h"
#include "agent/queue/rest.h"
#include "exporter/accounts.h"
#include "exporter/base/breath.h"
#include "exporter/heir.h"
#include "exporter/late.h"
#include "exporter/lookup.h"
#include "exporter/otlp/resource.h"
#include "exporter/outlet.h"
#include "exporter/quiet.h"
#include "exporter/transport/door.h"

#define BUSY_WAIT_NS 50000000  /* the next record is being written: see ring_is_stalled() */
#define GIVE_UP_NS   100000000 /* beyond the bound, before a stuck thread is left alone */
/* Instead of these, where a wait was in vain a moment ago: a tenth of a second in all. */
#define DOUBTFUL_NS       70000000u
#define DOUBTFUL_STUCK_NS 30000000u
/* For a thread inside a library that the end of the process takes down: it never waits for the
 * collector there, so only a machine without time to spare keeps it there for so long. Not for
 * ever, because the thread that exits may hold a lock that it needs. */
#define DOOR_NS   5000000000
#define SWEEP_NS  3600000000000u /* between two sweeps for what nobody comes for */
#define LOOK_NS   1000000000u    /* between two looks whether the program's threads have ended */
#define LODGED_NS 50000000u      /* between two looks at a ring that others write to */

enum phase { PHASE_IDLE, PHASE_STARTING, PHASE_RUNNING, PHASE_FAILED, PHASE_ENDED };
/* To the program's threads (thread.h). */
enum giving_way { GIVING_WAY_NOT_YET, GIVING_WAY_NOW, GIVING_WAY_DONE };
enum end { END_NOT, END_FINISHED, END_LEFT_ALONE };

static struct {
    struct exporter_environment environment; /* written in the constructor only */

    _Atomic int phase; /* release when a thread is running: pairs with acquire in exporter_stop */

    /* Futexes, and so 32 bits. */
    _Atomic uint32_t woken;    /* 1: look at the ring; acquire-release with what woke us */
    _Atomic uint32_t stopping; /* 1: out.stop_ns is set; wakes a thread that waits to try again */
    _Atomic uint32_t finished; /* enum end: whether the thread, or who waits for it, was first */

    _Atomic uint32_t giving_way; /* enum giving_way */
    pthread_t thread;
    pid_t pid; /* of the process that all this is about */

    bool inherited;      /* from a parent: `out` is to be set up again before it is used */
    struct once renewed; /* it has been */

    /* The thread's own. */
    uint64_t abandoned; /* of the ring, counted so far */
    uint64_t looked_ns; /* when it was last asked whether the program's threads have ended */
    bool deserted;      /* they have */
    int status;         /* of the first of them */
    struct heir heir;
    struct quiet quiet;

    struct outlet out; /* its stop_ns is the deadline of exporter_stop() */
} exporter;

static struct ring *ring(void)
{
    return *exporter.environment.ring;
}

static uint64_t stop_deadline(void)
{
    return atomic_load_explicit(&exporter.out.stop_ns, memory_order_relaxed);
}

/* To be said more often than anybody waits for it (REGION_STALE_NS): also while the collector does
 * not answer. */
static void say_alive(void)
{
    if (exporter.environment.alive)
        exporter.environment.alive(clock_monotonic_ns(), clock_unix_offset_ns());
}

/* Between two attempts. The beginning of the end cuts the wait short, so that a last attempt is
 * made. */
static void pause_between_attempts(int64_t wait_ms)
{
    say_alive();
    futex_wait(&exporter.stopping, (uint64_t)wait_ms * 1000000u);
}

static bool has(enum config_exporters which)
{
    return outlet_has(&exporter.out, which);
}

static void set_up(void)
{
    exporter.out.config = exporter.environment.config;
    exporter.out.outlives = exporter.environment.outlives;
    exporter.out.collector.loader = exporter.environment.loader;
    outlet_init(&exporter.out, exporter.environment.endpoint, pause_between_attempts);
}

void exporter_init(const struct exporter_environment *environment)
{
    exporter.environment = *environment;
    exporter.pid = getpid();
    lookup_init(&exporter.out);
    resource_detect(environment->config);
    set_up();
}

/* The parent's thread may have been anywhere when memory was copied: begin again with all it owned,
 * but for addresses that were found before it began. Many a child never comes to that. */
static bool set_up_again(void)
{
    struct addresses addresses = exporter.out.collector.http.addresses;
    set_up();
    if (lookup_is_done())
        exporter.out.collector.http.addresses = addresses;
    return true;
}

static void renew(void)
{
    if (exporter.inherited)
        once_run(&exporter.renewed, set_up_again);
}

static void prepare(void *unused)
{
    (void)unused;
    renew();
    lookup_do();
}

void exporter_prepare(void)
{
    int saved = errno;
    if (exporter.environment.config && lookup_claim() && !own_stack_run_long(prepare, NULL))
        lookup_disclaim(); /* no memory: later, on the thread */
    errno = saved;
}

static void count_abandoned(void)
{
    uint64_t abandoned = ring_abandoned(ring());
    counters_add(&counters.dropped_abandoned, abandoned - exporter.abandoned);
    exporter.abandoned = abandoned;
}

/* Nobody waits for the end of it while it takes its time, and the ring does not overflow: woken
 * when half of the records that may wait do, it has as long as a quarter of them takes. */
static bool hurries(void)
{
    uint64_t most = (uint64_t)exporter.environment.config->max_queue_size;
    uint64_t waiting = ring_pending(ring());
    return stop_deadline() || waiting > most / 4 * 3 ||
           (waiting <= most / 2 && ring_is_filling(ring())); /* with few large ones */
}

static void drain(void)
{
    struct source own = {ring(), resource_encoded(), clock_unix_offset_ns(), NULL};
    say_alive();
    outlet_send(&exporter.out, &own);
    count_abandoned();
    if (has(EXPORTER_CONSOLE))
        console_flush(&exporter.out.console, clock_monotonic_ns());
}

/* Counts what nobody will send, or somebody else. */
static void discard(void)
{
    if (outlet_others_will_send(&exporter.out, NULL))
        counters_add(&counters.spans_left, accounts_unsettled()); /* children have counted theirs */
    else
        outlet_drop(&exporter.out, ring());
    count_abandoned();
}

/* The program's last thread has ended by itself: pthread_exit() in main, or the bare system call.
 * Without us its process would have ended there and then. */
static void look_for_threads(void)
{
    uint64_t now = clock_monotonic_ns();
    if (!exporter.environment.deserted || now - exporter.looked_ns < LOOK_NS)
        return;
    exporter.looked_ns = now;
    exporter.status = exporter.environment.deserted();
    exporter.deserted = exporter.status >= 0;
    if (exporter.deserted)
        atomic_store_explicit(&exporter.out.stop_ns,
                              now + (outlet_ask_doubt(&exporter.out) ? DOUBTFUL_NS : LOOK_NS),
                              memory_order_relaxed);
}

/* A moment, unless there is something to do; looks around then. False: the ring is filling. */
static bool wait_a_moment(uint64_t most_ns)
{
    bool lodgers = exporter.environment.has_lodgers && exporter.environment.has_lodgers();
    most_ns = heir_listen_ns(&exporter.heir, most_ns < LOOK_NS ? most_ns : LOOK_NS);
    if (lodgers && ring_pending(ring()) && most_ns > LODGED_NS)
        most_ns = LODGED_NS;
    futex_wait(&exporter.woken, most_ns);
    say_alive();
    look_for_threads();
    return !lodgers || !ring_is_filling(ring());
}

/* Until there is some, or the time is over. False: the ring is filling. */
static bool wait_for_work(uint64_t wait_ns)
{
    uint64_t begun = clock_monotonic_ns();
    uint64_t gone;
    while (atomic_load_explicit(&exporter.woken, memory_order_acquire) == 0 &&
           (gone = clock_monotonic_ns() - begun) < wait_ns && !stop_deadline() &&
           !heir_is_called(&exporter.heir))
        if (!wait_a_moment(wait_ns - gone))
            return false;
    return true;
}

/* How long there is nothing to do, unless something happens. */
static uint64_t idle_ns(uint64_t drained_ns, uint64_t most_ns)
{
    uint64_t delay_ns = (uint64_t)exporter.environment.config->schedule_delay_ms * 1000000u;
    uint64_t gone_ns = clock_monotonic_ns() - drained_ns;
    uint64_t wait_ns = gone_ns < delay_ns ? delay_ns - gone_ns : 0;
    if (ring_is_stalled(ring()))
        most_ns = BUSY_WAIT_NS;
    return wait_ns < most_ns ? wait_ns : most_ns;
}

static void sweep_now_and_then(uint64_t *swept_ns)
{
    if (*swept_ns && clock_monotonic_ns() - *swept_ns < SWEEP_NS)
        return;
    recovery_sweep();
    *swept_ns = clock_monotonic_ns();
}

static bool may_rest(void)
{
    bool woken = atomic_load_explicit(&exporter.woken, memory_order_relaxed) != 0;
    return quiet_may_rest(&exporter.quiet, ring(), woken || heir_is_busy(&exporter.heir));
}

/* What comes meanwhile waits as long for others as what comes after an export. */
static void rest(uint64_t *drained_ns)
{
    rest_sleep(&queue.region, &exporter.woken, REST_NS);
    say_alive();
    look_for_threads();
    *drained_ns = clock_monotonic_ns();
}

static void run_until_stopped(void)
{
    uint64_t drained_ns = clock_monotonic_ns();
    uint64_t swept_ns = 0;
    exporter.quiet =
        quiet_begin((uint64_t)exporter.environment.config->schedule_delay_ms * 1000000u);
    exporter.heir =
        heir_begin(&exporter.out, exporter.environment.called, exporter.environment.has_heir);
    while (!stop_deadline()) {
        sweep_now_and_then(&swept_ns);
        bool rests = may_rest();
        if (rests)
            rest(&drained_ns);
        bool filling = !rests && !wait_for_work(idle_ns(drained_ns, heir_idle_ns(&exporter.heir)));
        bool woken = atomic_exchange_explicit(&exporter.woken, 0, memory_order_acq_rel);
        bool due =
            woken || filling || ring_is_stalled(ring()) || idle_ns(drained_ns, UINT64_MAX) == 0;
        if (stop_deadline())
            break;
        breath_begin(hurries);
        heir_look(&exporter.heir, due);
        if (due) {
            drain();
            drained_ns = clock_monotonic_ns();
        }
        breath_end();
    }
    bool more = heir_begin_end(&exporter.heir);
    drain();
    while (more)
        more = heir_inherit(&exporter.out);
    say_alive(); /* what the last spans taught, too */
}

/* The process ends without us: a thread that ended now would run destructors of libraries that are
 * gone. */
static void stay_for_ever(void)
{
    for (;;)
        os.poll(NULL, 0, -1);
}

/* Nobody stops a thread that is left alone. Of a process whose threads end one by one the last one
 * gives the status (since Linux 5.17); after pthread_exit() that is 0, and libc's affair, which
 * calls exit(). */
static void end_process(void)
{
    accounts_say();
    if (exporter.environment.left)
        exporter.environment.left();
    if (exporter.status)
        os.syscall(SYS_exit, exporter.status);
}

/* Whoever is about to install a filter of system calls has come first, or waits for it. */
static void give_way(void)
{
    uint32_t not_yet = GIVING_WAY_NOT_YET;
    if (!atomic_compare_exchange_strong(&exporter.giving_way, &not_yet, GIVING_WAY_NOW))
        return;
    thread_give_way();
    atomic_store(&exporter.giving_way, GIVING_WAY_DONE);
}

static void run(void)
{
    give_way();
    lookup_await();
    if (outlet_take_memory(&exporter.out))
        run_until_stopped();
    else
        log_write(LOG_WARN, "no memory for exporting; spans are dropped");
    discard();
    outlet_close(&exporter.out);
    if (has(EXPORTER_CONSOLE))
        console_flush(&exporter.out.console, UINT64_MAX);
    if (exporter.deserted)
        end_process();
    uint32_t not_yet = END_NOT;
    if (!atomic_compare_exchange_strong(&exporter.finished, &not_yet, END_FINISHED))
        stay_for_ever();
    futex_wake(&exporter.finished);
}

static bool start_thread(void)
{
    int error = thread_create(&exporter.thread, run);
    if (error)
        log_once(LOG_WARN, NULL,
                 "can't start the exporter's thread: %s; spans are left to another process of the "
                 "service, or dropped",
                 error == EAGAIN ? "no further process is allowed (RLIMIT_NPROC)"
                                 : strerror(error));
    return error == 0;
}

/* On a stack of ours, with all signals held: no handler of the application's may run while the
 * phase is STARTING, because if it called exit(), that would wait for us. */
static void start_once(void *unused)
{
    (void)unused;
    int phase = PHASE_IDLE;
    if (!atomic_compare_exchange_strong(&exporter.phase, &phase, PHASE_STARTING))
        return;
    renew();
    lookup_open();
    phase = start_thread() ? PHASE_RUNNING : PHASE_FAILED;
    atomic_store_explicit(&exporter.phase, phase, memory_order_release);
}

bool exporter_start(void)
{
    int phase = atomic_load_explicit(&exporter.phase, memory_order_relaxed);
    if (phase != PHASE_IDLE)
        return phase < PHASE_FAILED;
    if (!exporter.environment.config || exporter.environment.config->exporters == 0)
        return false;
    int saved = errno;
    own_stack_run(start_once, NULL);
    errno = saved;
    phase = atomic_load_explicit(&exporter.phase, memory_order_relaxed);
    return phase != PHASE_IDLE && phase < PHASE_FAILED;
}

void exporter_await_start(void)
{
    while (atomic_load_explicit(&exporter.phase, memory_order_acquire) == PHASE_STARTING)
        sched_yield();
    uint32_t not_yet = GIVING_WAY_NOT_YET;
    if (!atomic_compare_exchange_strong(&exporter.giving_way, &not_yet, GIVING_WAY_DONE))
        while (atomic_load(&exporter.giving_way) == GIVING_WAY_NOW)
            sched_yield();
}

void exporter_wake(void)
{
    int saved = errno;
    if (atomic_exchange(&exporter.woken, 1) == 0) {
        futex_wake(&exporter.woken);
        queue_rouse();
    }
    errno = saved;
}

/* What a thread that is left behind, or never was, still holds, or has not read: lost, or left. */
static void count_left_behind(void)
{
    bool left = outlet_abandon(&exporter.out);
    if (!left && exporter.environment.disown)
        exporter.environment.disown();
    counters_add(left ? &counters.spans_left : &counters.dropped_export,
                 left ? accounts_unsettled() : accounts_take_over(ring_pending(ring())));
}

/* Ends a running thread. */
static void stop_thread(uint64_t bound_ns)
{
    bool doubtful = outlet_ask_doubt(&exporter.out);
    bool relieved = exporter.environment.has_heir && exporter.environment.has_heir();
    atomic_store_explicit(&exporter.out.relieved, relieved, memory_order_relaxed);
    if (doubtful && bound_ns > DOUBTFUL_NS)
        bound_ns = DOUBTFUL_NS;
    atomic_store_explicit(&exporter.out.stop_ns, clock_monotonic_ns() + bound_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&exporter.stopping, 1, memory_order_release);
    futex_wake(&exporter.stopping);
    exporter_wake();
    rest_wake(&queue.region); /* who was at that may have been interrupted by this */
    futex_wait(&exporter.finished, bound_ns + (doubtful ? DOUBTFUL_STUCK_NS : GIVE_UP_NS));
    /* Not finished: it hangs in a resolver, say. The process must not wait for that, and it must
     * not come back into libraries that the process is about to take down. */
    uint32_t not_yet = END_NOT;
    if (!atomic_compare_exchange_strong(&exporter.finished, &not_yet, END_LEFT_ALONE)) {
        pthread_join(exporter.thread, NULL);
        return;
    }
    if (has(EXPORTER_OTLP) && !doubtful)
        late_note();
    door_shut(DOOR_NS);
    count_left_behind();
}

void exporter_stop(uint64_t bound_ns)
{
    int saved = errno;
    int phase = PHASE_IDLE;
    if (!exporter.environment.config || exporter.pid != getpid())
        return; /* a forked child that has not ended a span has nothing to end here */
    /* Somebody may be starting it: that takes microseconds. */
    while ((phase = atomic_load_explicit(&exporter.phase, memory_order_acquire)) == PHASE_STARTING)
        sched_yield();
    if (phase == PHASE_ENDED ||
        !atomic_compare_exchange_strong(&exporter.phase, &phase, PHASE_ENDED))
        return;
    if (phase == PHASE_RUNNING)
        stop_thread(bound_ns);
    if (phase == PHASE_FAILED) {
        atomic_store_explicit(&exporter.out.stop_ns, clock_monotonic_ns(), memory_order_relaxed);
        count_left_behind();
    }
    accounts_say();
    errno = saved;
}

void exporter_child(void)
{
    int saved = errno;
    if (!exporter.environment.config)
        return;
    door_child();
    outlet_close(&exporter.out);
    exporter.inherited = true;
    once_reset(&exporter.renewed);
    lookup_child();
    exporter.abandoned = 0;
    atomic_store(&exporter.woken, 0);
    atomic_store(&exporter.stopping, 0);
    atomic_store(&exporter.finished, 0);
    atomic_store(&exporter.giving_way, GIVING_WAY_NOT_YET);
    atomic_store(&exporter.out.stop_ns, 0);
    atomic_store(&exporter.out.doubtful, false);
    atomic_store(&exporter.out.relieved, false);
    exporter.out.took_ns = 0;
    resource_refresh();
    exporter.pid = getpid();
    atomic_store(&exporter.phase, PHASE_IDLE);
    errno = saved;
}
