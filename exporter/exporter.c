// SPDX-License-Identifier: Apache-2.0
#include "exporter/exporter.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/counters.h"
#include "agent/log.h"
#include "agent/recovery.h"
#include "exporter/arena.h"
#include "exporter/collector.h"
#include "exporter/console.h"
#include "exporter/door.h"
#include "exporter/file.h"
#include "exporter/otlp.h"
#include "exporter/resource.h"

#define STACK_BYTES       ((size_t)256 << 10)
#define RECORD_BYTES_MOST RING_RECORD_BYTES_MAX
#define BUSY_WAIT_NS      50000000  /* the oldest record is being written: see ring_peek() */
#define GIVE_UP_NS        100000000 /* beyond the bound, before a stuck thread is left alone */
/* For a thread inside a library that the end of the process takes down: it never waits for the
 * collector there, so only a machine without time to spare keeps it there for so long. Not for
 * ever, because the thread that exits may hold a lock that it needs. */
#define DOOR_NS        5000000000
#define DOUBTFUL_NS    100000000 /* for the end, where the collector is known not to answer */
#define DOUBT_LASTS_NS 30000000000u
#define INHERIT_NS     5000000000u /* between two looks for what killed processes left behind */
#define LOOK_NS        1000000000u /* between two looks whether the program's threads have ended */
#define HEIRLOOMS      64          /* taken over in one look */

_Static_assert(RECORD_BYTES_MOST <= OTLP_RECORD_BYTES_MOST, "the encoder takes what the ring has");

enum phase { PHASE_IDLE, PHASE_STARTING, PHASE_RUNNING, PHASE_ENDED };
enum lookup { LOOKUP_NONE, LOOKUP_UNDER_WAY, LOOKUP_DONE };
enum end { END_NOT, END_FINISHED, END_LEFT_ALONE };

static struct {
    struct exporter_environment environment; /* written in the constructor only */

    _Atomic int phase;   /* release when a thread is running: pairs with acquire in exporter_stop */
    _Atomic bool opened; /* collector_open() was called; no order needed, it starts no thread */
    _Atomic int lookup;  /* release after the lookup: pairs with acquire on the thread */

    /* Futexes, and so 32 bits. */
    _Atomic uint32_t woken;     /* 1: look at the ring; acquire-release with what woke us */
    _Atomic uint32_t stopping;  /* 1: stop_ns is set; wakes a thread that waits to try again */
    _Atomic uint32_t finished;  /* enum end: whether the thread, or who waits for it, was first */
    _Atomic uint32_t unflushed; /* 0: nobody waits in exporter_flush() */
    _Atomic uint32_t flushed;   /* 1: what was in the ring when that was asked is sent */

    _Atomic uint64_t stop_ns; /* deadline of exporter_stop(), CLOCK_MONOTONIC; 0: not stopping */

    _Atomic bool doubtful; /* relaxed: the collector kept another process waiting */

    pthread_t thread;
    pid_t pid; /* of the process that all this is about */

    /* The thread's own. */
    uint64_t abandoned; /* of the ring, counted so far */
    uint64_t looked_ns; /* when it was last asked whether the program's threads have ended */
    bool deserted;      /* they have */
    int status;         /* of the first of them */
    struct arena record;
    struct otlp otlp;
    struct collector collector;
    struct file file;
    struct console console;
} exporter;

static struct ring *ring(void)
{
    return *exporter.environment.ring;
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* Waits while the word is 0, at most for so long. A monotonic clock that goes back, which a preload
 * like libfaketime brings about, makes for an immense time that has gone by: the wait is over
 * early, here and wherever times are compared like this, where a deadline would be far off. */
static void futex_wait(_Atomic uint32_t *word, uint64_t most_ns)
{
    uint64_t begun = clock_monotonic_ns();
    uint64_t gone;
    while (atomic_load_explicit(word, memory_order_acquire) == 0 &&
           (gone = clock_monotonic_ns() - begun) < most_ns) {
        uint64_t left = most_ns - gone;
        struct timespec wait = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, &wait, NULL, 0);
    }
}

static uint64_t stop_deadline(void)
{
    return atomic_load_explicit(&exporter.stop_ns, memory_order_relaxed);
}

static bool out_of_time(void)
{
    uint64_t stop = stop_deadline();
    return stop && clock_monotonic_ns() >= stop;
}

/* Between two attempts. The beginning of the end cuts a wait short, so that a last attempt is
 * made; a wait begun after that lasts, or the last second would be spent on attempts. */
static void pause_between_attempts(int64_t wait_ms)
{
    static _Atomic uint32_t never;
    uint64_t stop = stop_deadline();
    uint64_t now = clock_monotonic_ns();
    uint64_t wait_ns = (uint64_t)wait_ms * 1000000u;
    if (stop && stop < now + wait_ns)
        wait_ns = stop > now ? stop - now : 0;
    futex_wait(stop ? &never : &exporter.stopping, wait_ns);
}

static bool has(enum config_exporters which)
{
    return (exporter.environment.config->exporters & which) != 0;
}

static void set_up(void)
{
    const struct config *config = exporter.environment.config;
    exporter.collector.loader = exporter.environment.loader;
    if (has(EXPORTER_OTLP))
        collector_init(&exporter.collector, config,
                       exporter.environment.endpoint ? exporter.environment.endpoint : "",
                       &exporter.stop_ns, pause_between_attempts);
    if (has(EXPORTER_FILE))
        file_init(&exporter.file, config->export_file);
    if (has(EXPORTER_CONSOLE))
        console_init(&exporter.console, config, STDERR_FILENO);
}

void exporter_init(const struct exporter_environment *environment)
{
    exporter.environment = *environment;
    exporter.pid = getpid();
    atomic_store(&exporter.lookup, LOOKUP_NONE);
    resource_detect(environment->config);
    set_up();
}

/* Before there is a thread of ours, because a library that is opened in one thread while another
 * forks leaves the child with the loader locked. */
static void open_once(void)
{
    if (has(EXPORTER_OTLP) && !atomic_exchange(&exporter.opened, true))
        collector_open(&exporter.collector);
}

void exporter_prepare(void)
{
    int none = LOOKUP_NONE;
    if (!exporter.environment.config || !has(EXPORTER_OTLP) ||
        !atomic_compare_exchange_strong(&exporter.lookup, &none, LOOKUP_UNDER_WAY))
        return;
    int saved = errno;
    open_once();
    collector_prepare(&exporter.collector);
    errno = saved;
    atomic_store_explicit(&exporter.lookup, LOOKUP_DONE, memory_order_release);
}

/* On the thread: the address is needed now, whoever looks it up. */
static void await_lookup(void)
{
    static _Atomic uint32_t never;
    exporter_prepare();
    while (has(EXPORTER_OTLP) && !out_of_time() &&
           atomic_load_explicit(&exporter.lookup, memory_order_acquire) != LOOKUP_DONE)
        futex_wait(&never, BUSY_WAIT_NS);
}

static void count_abandoned(void)
{
    uint64_t abandoned = ring_abandoned(ring());
    counters_add(&counters.dropped_abandoned, abandoned - exporter.abandoned);
    exporter.abandoned = abandoned;
}

/* Whose spans a batch is made of. */
struct source {
    struct ring *ring;
    struct slice resource;
    int64_t unix_offset_ns;
    struct recovery *dead; /* NULL: they are this process's own */
};

static void add(const struct source *source, const struct span_record *record, uint32_t length)
{
    if (!otlp_add(&exporter.otlp, record, length, source->unix_offset_ns))
        counters_add(&counters.dropped_export, 1);
    else if (has(EXPORTER_CONSOLE))
        console_add(&exporter.console, record);
}

/* Those in flight come after those in the ring. */
static uint32_t next_record(const struct source *source, struct span_record *record)
{
    uint32_t length = ring_peek(source->ring, record, RECORD_BYTES_MOST);
    if (!source->dead)
        return length;
    if (length)
        recovery_saw(source->dead, record);
    else
        length = recovery_next_open(source->dead, record);
    counters_add(&counters.spans_ended, length != 0);
    counters_add(&counters.spans_recovered, length != 0);
    return length;
}

/* Copies records into a batch; false once there are no more for now. They stay in the ring until
 * the batch has been accepted or given up, so that they outlive a process that is killed while it
 * sends them. */
static bool fill_batch(const struct source *source)
{
    int64_t most = exporter.environment.config->max_export_batch_size;
    struct span_record *record = (struct span_record *)exporter.record.base;
    while (exporter.otlp.spans < most && otlp_room(&exporter.otlp)) {
        uint32_t length = next_record(source, record);
        if (length == 0)
            return false;
        add(source, record, length);
    }
    return true;
}

/* Somebody else will find what this process could not send in its last second. Not where spans were
 * written to a file as well: they would be there twice. */
static bool others_will_send(const struct recovery *dead)
{
    return out_of_time() && !has(EXPORTER_FILE) &&
           (dead || (exporter.environment.outlives && exporter.environment.outlives()));
}

static void export_batch(const struct source *source)
{
    struct otlp_body body;
    uint64_t spans = exporter.otlp.spans;
    struct collector_verdict verdict = {true, 0};
    if (spans == 0) {
        ring_release(source->ring); /* what was seen was no span, or a writer's that is gone */
        return;
    }
    otlp_finish(&exporter.otlp, source->resource, &body);
    bool kept = !has(EXPORTER_FILE) || file_write(&exporter.file, &body);
    if (has(EXPORTER_OTLP))
        verdict = collector_export(&exporter.collector, &body, (unsigned)spans);
    otlp_clear(&exporter.otlp);
    if (!verdict.accepted && others_will_send(source->dead)) {
        counters_add(&counters.spans_left, source->dead ? spans : 0);
        return;
    }

    ring_release(source->ring);
    if (!kept || !verdict.accepted) {
        counters_add(&counters.dropped_export, spans);
        return;
    }
    atomic_store_explicit(&exporter.doubtful, false, memory_order_relaxed);
    counters_add(&counters.dropped_partial, verdict.rejected);
    counters_add(&counters.spans_exported, spans - verdict.rejected);
}

/* Sends all there is. False: time is over, and some of it is left. */
static bool send_all(const struct source *source)
{
    bool more = true;
    while (more && !out_of_time()) {
        more = fill_batch(source);
        export_batch(source);
    }
    return !more && !out_of_time();
}

static void drain(void)
{
    int64_t unix_offset_ns = clock_unix_offset_ns();
    if (exporter.environment.alive)
        exporter.environment.alive(clock_monotonic_ns(), unix_offset_ns);
    struct source own = {ring(), resource_encoded(), unix_offset_ns, NULL};
    send_all(&own);
    count_abandoned();
    if (has(EXPORTER_CONSOLE))
        console_flush(&exporter.console, clock_monotonic_ns());
}

/* A process that ended a moment ago waited for the collector in vain. This one is not to be held
 * up, too, if it ends before the collector has answered. */
static void doubt_collector(const struct recovery *dead)
{
    uint64_t brief = clock_monotonic_ns() + DOUBTFUL_NS;
    if (!dead->given_up_ns || clock_unix_ns() - dead->given_up_ns > DOUBT_LASTS_NS)
        return;
    atomic_store_explicit(&exporter.doubtful, true, memory_order_relaxed);
    if (stop_deadline() > brief)
        atomic_store_explicit(&exporter.stop_ns, brief, memory_order_relaxed);
}

/* Records that their writers, killed with the process, had not finished. */
static void count_broken(uint64_t broken)
{
    counters_add(&counters.spans_ended, broken);
    counters_add(&counters.spans_recovered, broken);
    counters_add(&counters.dropped_abandoned, broken);
}

/* Sends what processes of this service left behind that were killed, or could not wait. */
static void inherit(void)
{
    struct recovery dead;
    for (int i = 0; i < HEIRLOOMS && !out_of_time() && recovery_begin(&dead); i++) {
        struct source source = {dead.ring, dead.resource, dead.unix_offset_ns, &dead};
        uint64_t abandoned = ring_abandoned(dead.ring);
        doubt_collector(&dead);
        bool all = send_all(&source);
        count_broken(ring_abandoned(dead.ring) - abandoned);
        recovery_end(&dead, all);
    }
}

/* Only looks: a process that is ending already sends its own spans first. */
static void ask_the_dead(void)
{
    struct recovery dead;
    if (!recovery_begin(&dead))
        return;
    doubt_collector(&dead);
    recovery_end(&dead, false);
}

/* Counts what nobody will send, or somebody else. */
static void discard(void)
{
    void *record = exporter.record.base;
    if (others_will_send(NULL))
        counters_add(&counters.spans_left, ring_pending(ring()));
    else
        while (record && ring_read(ring(), record, RECORD_BYTES_MOST))
            counters_add(&counters.dropped_export, 1);
    count_abandoned();
}

static bool take_memory(void)
{
    return arena_map(&exporter.record, RECORD_BYTES_MOST) &&
           otlp_init(&exporter.otlp, exporter.environment.config);
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
        atomic_store_explicit(&exporter.stop_ns, now + LOOK_NS, memory_order_relaxed);
}

/* Until there is some, or the time is over; looks around meanwhile. */
static void wait_for_work(uint64_t wait_ns)
{
    uint64_t begun = clock_monotonic_ns();
    uint64_t gone;
    while (atomic_load_explicit(&exporter.woken, memory_order_acquire) == 0 &&
           (gone = clock_monotonic_ns() - begun) < wait_ns && !stop_deadline()) {
        uint64_t left = wait_ns - gone;
        futex_wait(&exporter.woken, left < LOOK_NS ? left : LOOK_NS);
        look_for_threads();
    }
}

static void run_until_stopped(void)
{
    uint64_t delay_ns = (uint64_t)exporter.environment.config->schedule_delay_ms * 1000000u;
    uint64_t inherited_ns = 0;
    ask_the_dead();
    while (!stop_deadline()) {
        if (!inherited_ns || clock_monotonic_ns() - inherited_ns >= INHERIT_NS) {
            inherit();
            inherited_ns = clock_monotonic_ns();
        }
        uint64_t wait_ns = delay_ns;
        if (ring_pending(ring()) && wait_ns > BUSY_WAIT_NS)
            wait_ns = BUSY_WAIT_NS; /* left behind by the last round: somebody is writing it */
        wait_for_work(wait_ns);
        atomic_exchange_explicit(&exporter.woken, 0, memory_order_acq_rel);
        bool asked = atomic_exchange_explicit(&exporter.unflushed, 0, memory_order_acq_rel);
        drain();
        if (asked) {
            atomic_store_explicit(&exporter.flushed, 1, memory_order_release);
            futex_wake(&exporter.flushed);
        }
    }
    drain();
    if (!inherited_ns && ring_pending(ring()) == 0)
        inherit();
}

static unsigned long long count(_Atomic uint64_t *counter)
{
    return (unsigned long long)counters_get(counter);
}

/* The second line only where there is something to say: most processes have nothing. */
static void say_counters(void)
{
    log_write(LOG_INFO,
              "spans ended %llu, exported %llu; dropped: queue full %llu, export failed %llu, "
              "refused %llu, abandoned %llu, no memory %llu; left for the next process %llu",
              count(&counters.spans_ended), count(&counters.spans_exported),
              count(&counters.dropped_queue_full), count(&counters.dropped_export),
              count(&counters.dropped_partial), count(&counters.dropped_abandoned),
              count(&counters.dropped_calls), count(&counters.spans_left));
    if (count(&counters.dropped_exchanges) || count(&counters.connections_opaque) ||
        count(&counters.heads_too_long) || count(&counters.spans_incomplete) ||
        count(&counters.injections_left_out))
        log_write(
            LOG_INFO,
            "not traced: requests over the limit %llu, connections that are not HTTP/1 or were "
            "lost from view %llu, heads too long %llu; incomplete: spans of requests lost from "
            "view %llu; without traceparent: calls with too many headers %llu",
            count(&counters.dropped_exchanges), count(&counters.connections_opaque),
            count(&counters.heads_too_long), count(&counters.spans_incomplete),
            count(&counters.injections_left_out));
}

/* The process ends without us: a thread that ended now would run destructors of libraries that are
 * gone. */
static void stay_for_ever(void)
{
    for (;;)
        poll(NULL, 0, -1);
}

/* Nobody stops a thread that is left alone. Of a process whose threads end one by one the last one
 * gives the status (since Linux 5.17); after pthread_exit() that is 0, and libc's affair, which
 * calls exit(). */
static void end_process(void)
{
    say_counters();
    if (exporter.environment.left)
        exporter.environment.left();
    if (exporter.status)
        syscall(SYS_exit, exporter.status);
}

static void *run(void *unused)
{
    (void)unused;
    prctl(PR_SET_NAME, "otelagent", 0, 0, 0);
    if (exporter.environment.thread_begin)
        exporter.environment.thread_begin();
    await_lookup();
    if (take_memory())
        run_until_stopped();
    else
        log_write(LOG_WARN, "no memory for exporting; spans are dropped");
    discard();

    if (has(EXPORTER_OTLP))
        collector_close(&exporter.collector);
    if (has(EXPORTER_FILE))
        file_close(&exporter.file);
    if (has(EXPORTER_CONSOLE))
        console_flush(&exporter.console, UINT64_MAX);
    if (exporter.deserted)
        end_process();
    uint32_t not_yet = END_NOT;
    if (!atomic_compare_exchange_strong(&exporter.finished, &not_yet, END_FINISHED))
        stay_for_ever();
    futex_wake(&exporter.finished);
    return NULL;
}

static bool start_thread(void)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);

    int error = pthread_create(&exporter.thread, &attributes, run, NULL);
    if (error == EINVAL) /* the program's thread-locals leave no room in a stack this small */
        error = pthread_create(&exporter.thread, NULL, run, NULL);
    pthread_attr_destroy(&attributes);
    if (error)
        log_write(LOG_WARN, "can't start the exporter's thread (error %d); spans are dropped",
                  error);
    return error == 0;
}

bool exporter_start(void)
{
    int phase = atomic_load_explicit(&exporter.phase, memory_order_relaxed);
    if (phase != PHASE_IDLE)
        return phase != PHASE_ENDED;
    if (!exporter.environment.config || exporter.environment.config->exporters == 0)
        return false;
    /* The mask is inherited by the thread: a handler of the application must not run on our stack.
     * Nor may one run while the phase is STARTING: if it called exit(), that would wait for us. */
    int saved = errno;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    if (atomic_compare_exchange_strong(&exporter.phase, &phase, PHASE_STARTING)) {
        open_once();
        phase = start_thread() ? PHASE_RUNNING : PHASE_ENDED;
        atomic_store_explicit(&exporter.phase, phase, memory_order_release);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return phase != PHASE_ENDED;
}

void exporter_wake(void)
{
    int saved = errno;
    if (atomic_exchange_explicit(&exporter.woken, 1, memory_order_acq_rel) == 0)
        futex_wake(&exporter.woken);
    errno = saved;
}

/* What a thread that has to be left behind still holds, or has not read, is lost, or left. */
static void count_left_behind(void)
{
    uint64_t ended = counters_get(&counters.spans_ended);
    uint64_t gone =
        counters_get(&counters.spans_exported) + counters_get(&counters.dropped_queue_full) +
        counters_get(&counters.dropped_export) + counters_get(&counters.dropped_partial) +
        counters_get(&counters.dropped_abandoned) + counters_get(&counters.dropped_calls) +
        counters_get(&counters.spans_left);
    if (ended > gone)
        counters_add(others_will_send(NULL) ? &counters.spans_left : &counters.dropped_export,
                     ended - gone);
}

/* How long the end of this process may wait, at most for `bound_ns`. */
static uint64_t bound_of(uint64_t bound_ns)
{
    bool doubtful = atomic_load_explicit(&exporter.doubtful, memory_order_relaxed);
    return doubtful && bound_ns > DOUBTFUL_NS ? DOUBTFUL_NS : bound_ns;
}

/* Ends a running thread. */
static void stop_thread(uint64_t bound_ns)
{
    bound_ns = bound_of(bound_ns);
    atomic_store_explicit(&exporter.stop_ns, clock_monotonic_ns() + bound_ns, memory_order_relaxed);
    atomic_store_explicit(&exporter.stopping, 1, memory_order_release);
    futex_wake(&exporter.stopping);
    exporter_wake();
    futex_wait(&exporter.finished, bound_ns + GIVE_UP_NS);
    /* Not finished: it hangs in a resolver, say. The process must not wait for that, and it must
     * not come back into libraries that the process is about to take down. */
    uint32_t not_yet = END_NOT;
    if (!atomic_compare_exchange_strong(&exporter.finished, &not_yet, END_LEFT_ALONE)) {
        pthread_join(exporter.thread, NULL);
        return;
    }
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
    say_counters();
    errno = saved;
}

void exporter_flush(uint64_t bound_ns)
{
    if (atomic_load_explicit(&exporter.phase, memory_order_acquire) != PHASE_RUNNING ||
        exporter.pid != getpid())
        return;
    int saved = errno;
    atomic_store_explicit(&exporter.flushed, 0, memory_order_relaxed);
    atomic_store_explicit(&exporter.unflushed, 1, memory_order_release);
    exporter_wake();
    futex_wait(&exporter.flushed, bound_of(bound_ns));
    errno = saved;
}

void exporter_child(void)
{
    int saved = errno;
    if (!exporter.environment.config)
        return;
    door_child();
    if (has(EXPORTER_OTLP))
        collector_close(&exporter.collector);
    if (has(EXPORTER_FILE))
        file_close(&exporter.file);
    /* The parent's thread may have been anywhere when memory was copied: begin again with all it
     * owned, but for addresses that were found before it began. */
    struct addresses addresses = exporter.collector.http.addresses;
    bool looked_up = atomic_load(&exporter.lookup) == LOOKUP_DONE;
    set_up();
    if (looked_up)
        exporter.collector.http.addresses = addresses;
    atomic_store(&exporter.lookup, looked_up ? LOOKUP_DONE : LOOKUP_NONE);
    exporter.abandoned = 0;
    atomic_store(&exporter.woken, 0);
    atomic_store(&exporter.stopping, 0);
    atomic_store(&exporter.finished, 0);
    atomic_store(&exporter.unflushed, 0);
    atomic_store(&exporter.flushed, 0);
    atomic_store(&exporter.stop_ns, 0);
    resource_refresh();
    exporter.pid = getpid();
    atomic_store(&exporter.phase, PHASE_IDLE);
    errno = saved;
}
