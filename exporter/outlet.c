// SPDX-License-Identifier: Apache-2.0
#include "exporter/outlet.h"

#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/counters.h"
#include "agent/describe/describe.h"
#include "agent/span/span.h"
#include "exporter/base/breath.h"
#include "exporter/frames_text.h"
#include "exporter/late.h"

#define RECORD_BYTES_MOST RING_RECORD_BYTES_MAX
#define PIECE             16u /* spans between two looks at the clock */

#define DESCRIBED_BYTES DESCRIBE_BYTES(RECORD_BYTES_MOST)

_Static_assert(RECORD_BYTES_MOST <= OTLP_RECORD_BYTES_MOST, "the encoder takes what the ring has");
_Static_assert(DESCRIBED_BYTES <= OTLP_RECORD_BYTES_MOST, "and what is made of it");

bool outlet_has(const struct outlet *outlet, enum config_exporters which)
{
    return (outlet->config->exporters & which) != 0;
}

void outlet_init(struct outlet *outlet, const char *endpoint, void (*pause)(int64_t wait_ms))
{
    const struct config *config = outlet->config;
    if (outlet_has(outlet, EXPORTER_OTLP))
        collector_init(&outlet->collector, config, endpoint ? endpoint : "", &outlet->stop_ns,
                       pause);
    if (outlet_has(outlet, EXPORTER_FILE))
        file_init(&outlet->file, config->export_file);
    if (outlet_has(outlet, EXPORTER_CONSOLE))
        console_init(&outlet->console, config);
}

bool outlet_take_memory(struct outlet *outlet)
{
    return arena_map(&outlet->record, RECORD_BYTES_MOST) &&
           (!outlet_has(outlet, EXPORTER_CONSOLE) ||
            arena_map(&outlet->described, DESCRIBED_BYTES)) &&
           otlp_init(&outlet->otlp, outlet->config);
}

bool outlet_out_of_time(const struct outlet *outlet)
{
    uint64_t stop = atomic_load_explicit(&outlet->stop_ns, memory_order_relaxed);
    return stop && clock_monotonic_ns() >= stop;
}

bool outlet_is_ending(const struct outlet *outlet)
{
    return atomic_load_explicit(&outlet->stop_ns, memory_order_relaxed) != 0;
}

#define SPELLED_BYTES FRAMES_RECORD_BYTES(RECORD_BYTES_MOST)
_Static_assert(SPELLED_BYTES <= OTLP_RECORD_BYTES_MOST, "the encoder takes that, too");

/* Without memory a span goes without its stack trace. */
static __attribute__((cold, noinline)) const struct span_record *
spell(struct outlet *outlet, const struct span_record *record)
{
    if (!symbols_init(&outlet->symbols) || !arena_map(&outlet->spelled, SPELLED_BYTES))
        return record;
    frames_spell(&outlet->symbols, record, outlet->spelled.base, SPELLED_BYTES);
    return (const struct span_record *)outlet->spelled.base;
}

/* Does it go there, or has it, since a process before this one passed the batch on? */
static bool wants(const struct outlet *outlet, enum config_exporters which)
{
    return outlet_has(outlet, which) && !(outlet->noted & which);
}

/* Was it left by a forked child in its parent's ring: this process's, or that of one that has ended
 * (`dead`), where a number says nothing? */
static bool is_childs(const struct span_record *record, uint32_t length, bool dead,
                      struct span_process *child)
{
    return length >= sizeof *record && record->length <= length &&
           span_find_process(record, child) && (dead || child->pid != (uint32_t)getpid());
}

static void count_taken_over(void)
{
    counters_add(&counters.spans_ended, 1);
    counters_add(&counters.spans_recovered, 1);
}

static __attribute__((cold, noinline)) bool encode_of_child(struct outlet *outlet,
                                                            const struct source *source,
                                                            const struct span_record *record,
                                                            uint32_t length)
{
    struct span_process child;
    if (!is_childs(record, length, source->dead != NULL, &child))
        return otlp_add(&outlet->otlp, record, length, source->unix_offset_ns);
    if (!source->dead)
        count_taken_over();
    return otlp_add_of_child(&outlet->otlp, record, length, source->unix_offset_ns, &child,
                             source->resource);
}

static bool encode(struct outlet *outlet, const struct source *source,
                   const struct span_record *record, uint32_t length)
{
    if (length >= sizeof *record && record->of_process)
        return encode_of_child(outlet, source, record, length);
    return otlp_add(&outlet->otlp, record, length, source->unix_offset_ns);
}

static void add(struct outlet *outlet, const struct source *source,
                const struct span_record *record, uint32_t length)
{
    bool whole = length >= sizeof *record && record->length <= length;
    if (whole && record->has_frames)
        record = spell(outlet, record);
    if (whole && record->facts_at && wants(outlet, EXPORTER_CONSOLE))
        record = describe(record, outlet->described.base, DESCRIBED_BYTES);
    if (whole)
        length = record->length;
    if (!encode(outlet, source, record, length))
        counters_add(&counters.dropped_export, 1);
    else if (wants(outlet, EXPORTER_CONSOLE))
        console_add(&outlet->console, record);
}

/* Whether what is noted about the next record is what is noted about the batch: the same outlets
 * have them already. */
static bool belongs(struct outlet *outlet, uint32_t noted)
{
    if (outlet->otlp.spans == 0)
        outlet->noted = noted;
    return outlet->noted == noted;
}

/* Those in flight come after those in the ring. 0 with `more`: the next one is for another batch.
 */
static uint32_t next_of_dead(struct outlet *outlet, struct recovery *dead,
                             struct span_record *record, bool *more)
{
    *more = !belongs(outlet, ring_noted(dead->ring));
    if (*more)
        return 0;
    uint32_t length = ring_peek(dead->ring, record, RECORD_BYTES_MOST);
    if (length)
        recovery_saw(dead, record);
    else if (belongs(outlet, recovery_noted(dead)))
        length = recovery_next_open(dead, record);
    else
        *more = true;
    if (length)
        count_taken_over();
    return length;
}

/* Copies records into a batch; false once there are no more for now. They stay in the ring until
 * the batch has been accepted or given up, so that they outlive a process that is killed while it
 * sends them. */
static bool fill_batch(struct outlet *outlet, const struct source *source)
{
    int64_t most = outlet->config->max_export_batch_size;
    struct span_record *record = (struct span_record *)outlet->record.base;
    bool more = false;
    outlet->noted = 0;
    while (outlet->otlp.spans < most && otlp_room(&outlet->otlp)) {
        uint32_t length = source->dead ? next_of_dead(outlet, source->dead, record, &more)
                                       : ring_peek(source->ring, record, RECORD_BYTES_MOST);
        if (length == 0)
            return more;
        add(outlet, source, record, length);
        if (outlet->otlp.spans % PIECE == 0)
            breath_take();
    }
    return true;
}

bool outlet_ask_doubt(struct outlet *outlet)
{
    bool doubtful = outlet_has(outlet, EXPORTER_OTLP) && late_is_noted();
    atomic_store_explicit(&outlet->doubtful, doubtful, memory_order_relaxed);
    return doubtful;
}

bool outlet_outlives(const struct outlet *outlet, const struct recovery *dead)
{
    return dead || (outlet->outlives && outlet->outlives());
}

bool outlet_others_will_send(const struct outlet *outlet, const struct recovery *dead)
{
    return outlet_out_of_time(outlet) && outlet_outlives(outlet, dead);
}

/* Ends sending: another try would keep the process waiting for the same. */
static void give_up(struct outlet *outlet)
{
    atomic_store_explicit(&outlet->stop_ns, clock_monotonic_ns(), memory_order_relaxed);
}

/* A batch whose answer comes too late is sent again by others. So none is begun at the end that
 * would take longer than what is left, going by the one before, and a quarter more; none at all
 * where another process waits for what is left. Unless nobody else would have it. */
static bool may_begin(struct outlet *outlet, const struct source *source)
{
    uint64_t stop = atomic_load_explicit(&outlet->stop_ns, memory_order_relaxed);
    if (!stop)
        return true;
    uint64_t now = clock_monotonic_ns();
    bool relieved = atomic_load_explicit(&outlet->relieved, memory_order_relaxed);
    if (now < stop && ((!relieved && stop - now > outlet->took_ns + outlet->took_ns / 4) ||
                       !outlet_outlives(outlet, source->dead)))
        return true;
    give_up(outlet);
    return false;
}

/* Nobody will see that batch again. */
static void release(const struct source *source)
{
    ring_release(source->ring);
    if (source->dead)
        recovery_settle(source->dead);
}

bool outlet_abandon(struct outlet *outlet)
{
    file_forbid(&outlet->file);
    return outlet_others_will_send(outlet, NULL);
}

static struct collector_verdict post(struct outlet *outlet, const struct source *source,
                                     const struct otlp_body *body)
{
    if (outlet_others_will_send(outlet, source->dead))
        return (struct collector_verdict){.again = true}; /* the file took all the time */
    uint64_t begun_ns = clock_monotonic_ns();
    struct collector_verdict verdict =
        collector_export(&outlet->collector, body, outlet->otlp.spans);
    if (outlet_is_ending(outlet))
        outlet->took_ns = clock_monotonic_ns() - begun_ns;
    /* Not where the wait was a short one: the half minute would begin again with each process. */
    if (verdict.late && !atomic_load_explicit(&outlet->doubtful, memory_order_relaxed))
        late_note();
    if (verdict.again)
        give_up(outlet);
    return verdict;
}

/* Leaves with the records who has them, before the collector gets them: whoever sends them instead
 * of a process that is killed meanwhile, or has to leave them, passes them on to the others only.
 */
static void note(struct outlet *outlet, const struct source *source, uint32_t passed)
{
    if (passed == outlet->noted)
        return;
    if (source->dead)
        recovery_note(source->dead, passed);
    else
        ring_note(source->ring, passed);
}

/* To file and console, where they do not have it. False where the file can't have it. */
static bool pass_on(struct outlet *outlet, const struct source *source,
                    const struct otlp_body *body, bool last)
{
    bool kept = !wants(outlet, EXPORTER_FILE) || file_write(&outlet->file, body);
    if (file_is_forbidden(&outlet->file))
        return false;
    if (outlet_has(outlet, EXPORTER_CONSOLE))
        console_flush(&outlet->console,
                      last && outlet_is_ending(outlet) ? UINT64_MAX : clock_monotonic_ns());
    uint32_t passed = outlet->config->exporters & (EXPORTER_CONSOLE | (kept ? EXPORTER_FILE : 0u));
    note(outlet, source, passed);
    file_end(&outlet->file);
    return kept;
}

/* False: the batch is left where it is. */
static bool export_batch(struct outlet *outlet, const struct source *source, bool last)
{
    struct otlp_body body;
    uint64_t spans = outlet->otlp.spans;
    struct collector_verdict verdict = {.accepted = true};
    if (spans == 0) {
        ring_release(source->ring); /* what was seen was no span, or a writer's that is gone */
        return true;
    }
    otlp_finish(&outlet->otlp, source->resource, &body);
    bool kept = pass_on(outlet, source, &body, last);
    if (file_is_forbidden(&outlet->file))
        return false; /* the process ends without this thread */
    if (outlet_has(outlet, EXPORTER_OTLP))
        verdict = post(outlet, source, &body);
    otlp_clear(&outlet->otlp);
    if (verdict.again && outlet_others_will_send(outlet, source->dead)) {
        counters_add(&counters.spans_left, source->dead ? spans : 0);
        return false;
    }

    release(source);
    if (!kept || !verdict.accepted) {
        counters_add(&counters.dropped_export, spans);
        return true;
    }
    counters_add(&counters.dropped_partial, verdict.rejected);
    counters_add(&counters.spans_exported, spans - verdict.rejected);
    return true;
}

static inline __attribute__((always_inline)) bool send_all(struct outlet *outlet,
                                                           const struct source *source)
{
    bool more = true;
    while (more) {
        if (!may_begin(outlet, source))
            return false;
        more = fill_batch(outlet, source);
        if (!export_batch(outlet, source, !more))
            return false;
    }
    return true;
}

static __attribute__((cold, noinline)) bool send_inherited(struct outlet *outlet,
                                                           const struct source *source)
{
    return send_all(outlet, source);
}

/* The usual way is compiled by itself: nothing is asked per span that is the same for all. */
bool outlet_send(struct outlet *outlet, const struct source *source)
{
    const struct source own = {source->ring, source->resource, source->unix_offset_ns, NULL};
    return source->dead ? send_inherited(outlet, source) : send_all(outlet, &own);
}

void outlet_drop(struct outlet *outlet, struct ring *ring)
{
    struct span_process child;
    uint32_t length;
    struct span_record *record = (struct span_record *)outlet->record.base;
    while (record && (length = ring_read(ring, record, RECORD_BYTES_MOST)) != 0) {
        if (is_childs(record, length, false, &child))
            count_taken_over();
        counters_add(&counters.dropped_export, 1);
    }
}

void outlet_close(struct outlet *outlet)
{
    if (outlet_has(outlet, EXPORTER_OTLP))
        collector_close(&outlet->collector);
    if (outlet_has(outlet, EXPORTER_FILE))
        file_close(&outlet->file);
}
