// SPDX-License-Identifier: Apache-2.0
#include "agent/queue/lodging.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/counters.h"
#include "agent/base/os.h"
#include "agent/base/process.h"
#include "agent/queue/family.h"
#include "agent/queue/region_memory.h"

#define SECOND_NS UINT64_C(1000000000)
#define TICK_NS   UINT64_C(10000000) /* of proc(5), on every Linux */
#define ZOMBIE_NS (10 * SECOND_NS)   /* its parent is about to tell how it ended, or never */
#define TOLD_NS   UINT64_C(50000000) /* and has asked, but not told yet */
#define DOUBTFUL_NS                                                                                \
    (2 * SECOND_NS) /* before it is asked whether a number means another process                   \
                     */

#define LODGER_QUITS (1u << 31) /* nobody comes in any more, */
#define LODGER_GONE  (1u << 30) /* and it is not mapped any more; */
#define LODGER_KEEPS (1u << 29) /* or it stays, whatever happens */

/* A child's. Written before it observes anything. */
static struct {
    struct region *host; /* its parent's region; NULL: it lodges nowhere */
    /* How many threads and requests use what is mapped, and LODGER_*: one word, because the last
     * one has to be sure that nobody has come in meanwhile. Sequentially consistent, as in
     * lodging.h. */
    _Atomic uint32_t inside;
    _Atomic uint32_t spans; /* relaxed: it need not be exact */
} own;

/* Since the machine started, like the times of processes in proc(5). */
static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static size_t place_at(const struct region *region, uint32_t number)
{
    return region->bytes - (size_t)(REGION_LODGERS - number) * REGION_LODGER_BYTES;
}

static uint32_t places_ready(const struct region *region)
{
    /* Acquire: pairs with the release when they were made ready. */
    return atomic_load_explicit(&region->header->lodgings_ready, memory_order_acquire);
}

static struct region_lodging *lodging_at(const struct region *region, uint32_t number)
{
    return region->header && number < places_ready(region) && number < REGION_LODGERS
               ? (struct region_lodging *)((char *)region->header + place_at(region, number))
               : NULL;
}

struct region_open *lodging_place(const struct region *region, uint32_t number)
{
    struct region_lodging *lodging = lodging_at(region, number);
    return lodging ? &lodging->open : NULL;
}

/* ---- the parent's ---- */

void lodging_open(struct region *region)
{
    uint32_t never = LODGING_NEVER;
    atomic_compare_exchange_strong(&region->header->lodging, &never, LODGING_OPEN);
}

void lodging_close(struct region *region)
{
    uint32_t open = LODGING_OPEN;
    if (region->header)
        atomic_compare_exchange_strong(&region->header->lodging, &open, LODGING_CLOSED);
}

/* One that was killed while it wrote does, until lodging_look() has seen that it is gone. */
bool lodging_end(struct region *region)
{
    atomic_store(&region->header->lodging, LODGING_CLOSED);
    bool any = false;
    for (size_t i = 0; i < REGION_LODGERS; i++)
        any |= atomic_load(&region->header->lodgers[i].writing) != 0;
    return !any;
}

/* The number belongs to a process that started after this one had come here. */
static bool is_another(const struct region_lodger *lodger, uint32_t pid)
{
    uint64_t since_ns = atomic_load_explicit(&lodger->since_ns, memory_order_relaxed);
    uint64_t now = now_ns();
    if (since_ns > now)
        return true; /* before the machine was started again */
    return since_ns && now - since_ns > DOUBTFUL_NS &&
           process_started_ticks(pid) * TICK_NS > since_ns + TICK_NS;
}

static bool is_gone(const struct region_lodger *lodger, uint32_t pid, enum process_state *state)
{
    *state = process_state(pid, 0);
    return *state == PROCESS_GONE || (*state == PROCESS_RUNS && is_another(lodger, pid));
}

/* It was a child once, or is this process itself, which was one. */
static bool is_another_program(const struct region_lodger *lodger, uint32_t pid)
{
    return pid == (uint32_t)os.syscall(SYS_getpid) ||
           (atomic_load_explicit(&lodger->signal, memory_order_relaxed) >= LODGING_HANDED_ON &&
            !atomic_load_explicit(&lodger->writing, memory_order_relaxed));
}

bool lodging_close_file(int fd, bool here, struct region_header *header)
{
    enum process_state state;
    const uint32_t closed = LODGING_CLOSED;
    /* Again, because it may have been opened before the process ended. */
    if (pread(fd, header, sizeof *header, 0) != sizeof *header)
        return false;
    if (!lodging_was_opened(header))
        return true;
    if (lseek(fd, offsetof(struct region_header, lodging), SEEK_SET) < 0 ||
        os.write(fd, &closed, sizeof closed) != sizeof closed)
        return false;
    atomic_thread_fence(memory_order_seq_cst);
    if (!here)
        return true; /* nobody can say who lives */
    if (pread(fd, header, sizeof *header, 0) != sizeof *header)
        return false;
    for (size_t i = 0; i < REGION_LODGERS; i++) {
        const struct region_lodger *lodger = &header->lodgers[i];
        uint32_t pid = atomic_load_explicit(&lodger->pid, memory_order_relaxed);
        if (pid && !is_another_program(lodger, pid) && !is_gone(lodger, pid, &state) &&
            state == PROCESS_RUNS)
            return false;
    }
    return true;
}

void lodging_note_signal(struct region *region, uint32_t pid, uint32_t signal)
{
    if (!region->header || !lodging_was_opened(region->header))
        return;
    for (size_t i = 0; i < REGION_LODGERS; i++) {
        struct region_lodger *lodger = &region->header->lodgers[i];
        uint32_t unknown = 0;
        if (atomic_load_explicit(&lodger->pid, memory_order_relaxed) == pid)
            atomic_compare_exchange_strong(&lodger->signal, &unknown, signal);
    }
}

static void give_back(struct region_lodger *lodger)
{
    atomic_store_explicit(&lodger->signal, 0, memory_order_relaxed);
    atomic_store_explicit(&lodger->since_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&lodger->ended_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&lodger->writing, 0, memory_order_release);
    /* Release: who takes the place next finds it empty. */
    atomic_store_explicit(&lodger->pid, 0, memory_order_release);
}

/* Has it ended, and is known how, or will not be? `last`: nobody will look again. */
static bool is_over(struct region_lodger *lodger, uint32_t pid, bool last)
{
    enum process_state state;
    bool gone = is_gone(lodger, pid, &state);
    if (gone && (last || atomic_load_explicit(&lodger->signal, memory_order_relaxed)))
        return true;
    if (!gone && state != PROCESS_ZOMBIE)
        return false;
    uint64_t ended_ns = atomic_load_explicit(&lodger->ended_ns, memory_order_relaxed);
    bool seen_so = ended_ns && ended_ns % 2 == gone;
    if (!seen_so)
        atomic_store_explicit(&lodger->ended_ns, (now_ns() & ~UINT64_C(1)) | gone,
                              memory_order_relaxed);
    return seen_so && now_ns() - ended_ns > (gone ? TOLD_NS : ZOMBIE_NS);
}

/* Of one that was being passed on nobody can tell whether it is in the ring. */
static void end_open(struct region *region, struct region_open *open, uint32_t signal,
                     lodging_ended *ended)
{
    struct span_record *record = (struct span_record *)open->record;
    uint64_t id = atomic_load_explicit(&open->in_flight, memory_order_acquire);
    if (id == REGION_ENDING) {
        counters_add(&counters.spans_ended, 1);
        counters_add(&counters.dropped_abandoned, 1);
    } else if (id && region_take_open(open, id) && record->length >= sizeof *record &&
               record->length <= sizeof open->record && record->length % 8 == 0)
        ended(region, record, signal);
    atomic_store_explicit(&open->in_flight, 0, memory_order_release);
}

void lodging_look(struct region *region, lodging_ended *ended)
{
    if (!region->header || !lodging_was_opened(region->header))
        return;
    bool last =
        atomic_load_explicit(&region->header->lodging, memory_order_relaxed) != LODGING_OPEN;
    for (uint32_t i = 0; i < REGION_LODGERS; i++) {
        struct region_lodger *lodger = &region->header->lodgers[i];
        uint32_t pid = atomic_load_explicit(&lodger->pid, memory_order_acquire);
        if (!pid || !is_over(lodger, pid, last))
            continue;
        struct region_open *open = lodging_place(region, i);
        if (open)
            end_open(region, open, atomic_load_explicit(&lodger->signal, memory_order_relaxed),
                     ended);
        give_back(lodger);
    }
}

static uint32_t uses_since(const struct region_lodging *lodging, uint32_t use)
{
    return (uint32_t)atomic_load_explicit(&lodging->uses, memory_order_acquire) - use;
}

/* How a use ended is read before whether it was the last: the next one says so before it ends.
 * Likewise whether there were too many is read last. */
enum lodging_fate lodging_fate(const struct region *region, uint32_t number, uint32_t use,
                               uint64_t id, uint64_t found)
{
    const struct region_lodging *lodging = lodging_at(region, number);
    if (!lodging)
        return LODGING_REPORTED;
    uint64_t ended = atomic_load_explicit(&lodging->open.ended, memory_order_acquire);
    if (uses_since(lodging, use) == 0)
        return ended == id || found == REGION_ENDING ? LODGING_REPORTED : LODGING_LEFT;
    uint32_t bit = use % REGION_LODGER_PAST;
    uint64_t word = atomic_load_explicit(&lodging->past[bit / 64], memory_order_acquire);
    if (uses_since(lodging, use) >= REGION_LODGER_PAST)
        return LODGING_UNKNOWN;
    return word >> bit % 64 & 1 ? LODGING_REPORTED : LODGING_LEFT;
}

/* ---- the child's ---- */

bool lodging_is_offered(const struct region *region)
{
    return region->header &&
           atomic_load_explicit(&region->header->lodging, memory_order_relaxed) == LODGING_OPEN &&
           os.syscall(SYS_getppid) == (long)region->header->pid &&
           os.syscall(SYS_geteuid) == region->header->user;
}

void lodging_begin(struct region *host, bool keeps)
{
    own.host = host;
    atomic_store(&own.inside, keeps ? LODGER_KEEPS : 0);
    atomic_store_explicit(&own.spans, 0, memory_order_relaxed);
}

/* The last one out unmaps it, where nobody is to come in any more. */
static void go_out(void)
{
    uint32_t nobody = LODGER_QUITS;
    if (atomic_fetch_sub(&own.inside, 1) == (LODGER_QUITS | 1) &&
        atomic_compare_exchange_strong(&own.inside, &nobody, LODGER_QUITS | LODGER_GONE))
        region_forget(own.host);
}

/* Where the word has none of these bits. */
static bool come_in(uint32_t unless)
{
    if (!own.host)
        return false;
    if (!(atomic_fetch_add(&own.inside, 1) & unless))
        return true;
    go_out();
    return false;
}

bool lodging_hold(void)
{
    return come_in(LODGER_GONE);
}

void lodging_release(void)
{
    go_out();
}

__attribute__((cold)) void lodging_quit(void)
{
    if (!come_in(LODGER_QUITS | LODGER_GONE))
        return;
    atomic_fetch_or(&own.inside, LODGER_QUITS);
    go_out();
}

/* Only the one who asks is inside: then there is nobody who would unmap it later. */
__attribute__((cold)) void lodging_quit_now(void)
{
    uint32_t alone = 1;
    if (!come_in(LODGER_QUITS | LODGER_GONE))
        return;
    if (!atomic_compare_exchange_strong(&own.inside, &alone, LODGER_QUITS | 1))
        atomic_fetch_or(&own.inside, LODGER_QUITS | LODGER_KEEPS);
    go_out();
}

/* Will somebody read what is written there? Inside. */
static bool is_read(const struct region *host)
{
    if (atomic_load(&own.inside) & LODGER_QUITS)
        return false;
    if (os.syscall(SYS_geteuid) != host->header->user)
        lodging_quit();
    else
        return lodging_is_offered(host);
    return false;
}

static uint32_t claim(const struct region *host)
{
    uint32_t self = (uint32_t)os.syscall(SYS_getpid);
    for (uint32_t i = 0; i < REGION_LODGERS; i++) {
        struct region_lodger *free = &host->header->lodgers[i];
        uint32_t nobody = 0;
        if (atomic_load_explicit(&free->pid, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&free->pid, &nobody, self)) {
            atomic_store_explicit(&free->since_ns, now_ns(), memory_order_relaxed);
            return i + 1;
        }
    }
    return 0;
}

static uint32_t claim_open(const struct region *host)
{
    if (!is_read(host) || ring_is_filling(host->ring))
        return 0;
    uint32_t place = claim(host);
    if (place && atomic_exchange(&host->header->rests, 0) != 0)
        family_ring(host->header->pid);
    if (!place || atomic_load(&host->header->lodging) == LODGING_OPEN)
        return place;
    give_back(&host->header->lodgers[place - 1]);
    return 0;
}

/* Then it is inside, until the place is given back. */
static uint32_t enter(void)
{
    if (atomic_load_explicit(&own.spans, memory_order_relaxed) >= LODGING_SPANS ||
        !come_in(LODGER_QUITS | LODGER_GONE))
        return 0;
    uint32_t place = claim_open(own.host);
    if (!place)
        go_out();
    return place;
}

/* Any number of processes at a time: values only rise. */
static bool make_ready(const struct region *host, uint32_t number)
{
    uint32_t ready = places_ready(host);
    if (number < ready)
        return true;
    if (!region_populate((char *)host->header, place_at(host, ready), place_at(host, number + 1)))
        return false;
    while (ready <= number &&
           !atomic_compare_exchange_weak_explicit(&host->header->lodgings_ready, &ready, number + 1,
                                                  memory_order_release, memory_order_acquire))
        ;
    return true;
}

/* Nobody else writes there now. */
static void begin_use(struct region_lodging *lodging)
{
    uint64_t uses = atomic_load_explicit(&lodging->uses, memory_order_relaxed);
    uint64_t ended = atomic_load_explicit(&lodging->open.ended, memory_order_relaxed);
    uint32_t bit = (uint32_t)uses % REGION_LODGER_PAST;
    _Atomic uint64_t *word = &lodging->past[bit / 64];
    uint64_t others = atomic_load_explicit(word, memory_order_relaxed) & ~(UINT64_C(1) << bit % 64);
    uint64_t reported = ended != lodging->before;
    atomic_store_explicit(word, others | reported << bit % 64, memory_order_release);
    lodging->before = ended;
    atomic_store_explicit(&lodging->uses, uses + 1, memory_order_release);
}

uint32_t lodging_take(void)
{
    uint32_t place = enter();
    if (!place)
        return 0;
    struct region_lodging *lodging =
        make_ready(own.host, place - 1) ? lodging_at(own.host, place - 1) : NULL;
    if (lodging) {
        begin_use(lodging);
        return place;
    }
    lodging_give_back(place);
    return 0;
}

uint32_t lodging_use(uint32_t place)
{
    const struct region_lodging *lodging = lodging_at(own.host, place - 1);
    return lodging ? (uint32_t)atomic_load_explicit(&lodging->uses, memory_order_relaxed) : 0;
}

struct region_open *lodging_taken(uint32_t place)
{
    return own.host ? lodging_place(own.host, place - 1) : NULL;
}

void lodging_give_back(uint32_t place)
{
    if (!own.host) /* forked in a signal handler above the one who has it */
        return;
    give_back(&own.host->header->lodgers[place - 1]);
    go_out();
}

void lodging_note_exec(uint32_t place, uint32_t how)
{
    struct region_lodger *lodger = &own.host->header->lodgers[place - 1];
    if (atomic_load(&lodger->pid) == (uint32_t)os.syscall(SYS_getpid))
        atomic_store(&lodger->signal, how);
}

/* Its request has a place: then this process is in already. 0: it has none. */
static uint32_t place_of(const struct region *host, const struct span_record *record)
{
    size_t at = (uintptr_t)record - (uintptr_t)host->header;
    return at > place_at(host, 0) && at < host->bytes
               ? (uint32_t)((at - place_at(host, 0)) / REGION_LODGER_BYTES) + 1
               : 0;
}

/* It says first that it writes, and looks whether it may afterwards: see above. */
static bool write_from(const struct region *host, uint32_t place, const struct span_record *record)
{
    struct region_lodger *lodger = &host->header->lodgers[place - 1];
    atomic_store(&lodger->writing, 1);
    bool sent = atomic_load(&host->header->lodging) == LODGING_OPEN && is_read(host) &&
                ring_write_seldom(host->ring, record, record->length);
    /* Release: who sees it sees what was written. */
    atomic_store_explicit(&lodger->writing, 0, memory_order_release);
    return sent;
}

bool lodging_send(const struct span_record *record)
{
    const struct region *host = own.host;
    if (!record->of_process || !come_in(LODGER_GONE))
        return false;
    uint32_t own_place = place_of(host, record);
    uint32_t place = own_place ? own_place : enter();
    bool sent = place && write_from(host, place, record);
    if (place && !own_place)
        lodging_give_back(place);
    go_out();
    if (sent)
        atomic_fetch_add_explicit(&own.spans, 1, memory_order_relaxed);
    return sent;
}
