// SPDX-License-Identifier: Apache-2.0
#include "agent/work/exchange_inheritance.h"

#include <string.h>

#include "agent/base/counters.h"
#include "agent/base/racing.h"
#include "agent/queue/lodging.h"
#include "agent/queue/queue.h"
#include "agent/work/exchange.h"

/* What a visit is told, besides the exchange. */
struct opening {
    enum exchange_inherited as;     /* of one whose record lies in this process's region, */
    enum exchange_inherited lodged; /* or in its parent's */
    uint64_t handed_on;             /* to another program, a bit for each slot */
    bool held;                      /* the parent's region stays mapped meanwhile */
};

/* Calls that for each request in flight; returns how many times it said yes. */
static uint32_t for_each_open(bool (*visit)(struct exchange *exchange, struct opening opening),
                              struct opening opening)
{
    uint32_t count = 0;
    uint32_t used = exchange_slots_used();
    opening.held = lodging_hold();
    for (uint32_t slot = 0; slot < used; slot++) {
        struct exchange *exchange = exchange_at(slot);
        if (atomic_load_explicit(&exchange->generation, memory_order_acquire) % 2)
            count += visit(exchange, opening);
    }
    if (opening.held)
        lodging_release();
    return count;
}

/* Where its record lies: another thread may end it, and unmap the parent's region. */
static struct region_open *place_of(const struct exchange *exchange, const struct opening *opening)
{
    bool there = exchange->recording && (!exchange->lodged || opening->held);
    return there ? exchange_own_place(exchange) : NULL;
}

/* What another thread is writing just now may be torn; its length is looked at before it is used.
 */
static void copy_record(struct exchange *exchange, const struct region_open *from)
{
    racing_copy(exchange->text->record, from->record, EXCHANGE_OPEN_BYTES);
}

static bool keep_copy(struct exchange *exchange, struct opening opening)
{
    struct region_open *place = place_of(exchange, &opening);
    if (place)
        copy_record(exchange, place);
    return true;
}

void exchange_forking(void)
{
    for_each_open(keep_copy, (struct opening){0});
}

static bool inherit(struct exchange *exchange, struct opening opening)
{
    enum exchange_inherited as = exchange->lodged ? opening.lodged : opening.as;
    struct region_open *place = place_of(exchange, &opening);
    if (!exchange->recording)
        exchange->inherited = (uint8_t)as;
    if (place) {
        if (as == EXCHANGE_OWN)
            copy_record(exchange, place);
        exchange->span.record = (struct span_record *)exchange->text->record;
        if (as == EXCHANGE_OWN)
            exchange->span.record->of_process = 0; /* it is this one's now */
        exchange->inherited = (uint8_t)as;
        exchange->lodged_at = exchange->lodged;
    }
    if (exchange->lodged && !place)
        exchange->recording = false; /* another thread was just ending it */
    exchange->lodged = 0;
    return place;
}

static bool is_lodged(struct exchange *exchange, struct opening unused)
{
    (void)unused;
    return exchange->lodged;
}

/* A grandchild may have two of them: then the older one is asked. */
static bool is_older_asked(void)
{
    return queue.inherited.header &&
           (queue.inherits || for_each_open(is_lodged, (struct opening){0}) != 0);
}

enum queue_kept exchange_forked(bool known)
{
    enum exchange_inherited as = known ? EXCHANGE_FORKED : EXCHANGE_CLONED;
    if (is_older_asked()) {
        for_each_open(inherit, (struct opening){.as = EXCHANGE_OWN, .lodged = as});
        return QUEUE_KEPT_OLDER;
    }
    return for_each_open(inherit, (struct opening){.as = as, .lodged = as}) ? QUEUE_KEPT_PARENTS
                                                                            : QUEUE_KEPT_NONE;
}

/* Where it lay in a place that others have after it. */
__attribute__((cold, noinline)) static bool was_left_there(const struct exchange *exchange,
                                                           uint64_t found)
{
    enum lodging_fate fate = lodging_fate(&queue.inherited, exchange->lodged_at - 1u,
                                          exchange->lodged_use, exchange_id(exchange), found);
    if (fate == LODGING_UNKNOWN) {
        counters_add(&counters.spans_ended, 1);
        counters_add(&counters.dropped_abandoned, 1);
    }
    return fate == LODGING_LEFT;
}

/* Does the parent, or who came after it, leave the exchange to us? */
static bool take_from_parent(const struct exchange *exchange, struct region_open *open, bool known)
{
    uint64_t id = exchange_id(exchange);
    uint64_t found = id;
    if (atomic_compare_exchange_strong_explicit(&open->in_flight, &found, 0, memory_order_acq_rel,
                                                memory_order_acquire))
        return true;
    if (known && exchange->lodged_at)
        return was_left_there(exchange, found);
    return known && found != REGION_ENDING &&
           atomic_load_explicit(&open->ended, memory_order_relaxed) != id;
}

static bool is_sound(const struct exchange *exchange)
{
    const struct span_record *record = (const struct span_record *)exchange->text->record;
    return record->length >= sizeof *record && record->length <= EXCHANGE_OPEN_BYTES &&
           record->length % 8 == 0 &&
           memcmp(record->span_id, exchange->self.span_id, sizeof record->span_id) == 0;
}

/* So that it survives this process, too. */
static void move_into_region(struct exchange *exchange)
{
    struct region_open *place = exchange_make_place(exchange);
    if (!place)
        return;
    memcpy(place->record, exchange->text->record, EXCHANGE_OPEN_BYTES);
    exchange->span.record = (struct span_record *)place->record;
    exchange_set_in_flight(exchange, exchange_id(exchange));
    queue_say_begun();
}

void exchange_take_over(struct exchange *exchange)
{
    if (exchange->inherited == EXCHANGE_OWN)
        return;
    bool known = exchange->inherited == EXCHANGE_FORKED;
    exchange->inherited = EXCHANGE_OWN;
    if (!exchange->recording)
        return;
    struct region_open *open = exchange->lodged_at
                                   ? lodging_place(&queue.inherited, exchange->lodged_at - 1u)
                                   : &queue.inherited.open[exchange->slot];
    if (!known) /* before it is taken: afterwards the parent uses the place again */
        copy_record(exchange, open);
    exchange->recording = take_from_parent(exchange, open, known) && is_sound(exchange);
    if (!exchange->recording)
        return;
    exchange->span.record->of_process = 0; /* it is this one's now */
    move_into_region(exchange);
}

bool exchange_lodges(void)
{
    return for_each_open(is_lodged, (struct opening){0}) != 0;
}

static bool note_exec(struct exchange *exchange, struct opening opening)
{
    bool on = exchange->slot < 64 && opening.handed_on >> exchange->slot & 1;
    if (exchange->lodged && opening.held)
        lodging_note_exec(exchange->lodged, on ? LODGING_HANDED_ON : LODGING_REPLACED);
    return true;
}

void exchange_replacing(uint64_t handed_on)
{
    for_each_open(note_exec, (struct opening){.handed_on = handed_on});
}

static bool note_stay(struct exchange *exchange, struct opening opening)
{
    if (exchange->lodged && opening.held)
        lodging_note_exec(exchange->lodged, 0);
    return true;
}

void exchange_staying(void)
{
    for_each_open(note_stay, (struct opening){0});
}

static bool leave_open(struct exchange *exchange, struct opening unused)
{
    (void)unused;
    bool own = exchange->inherited == EXCHANGE_OWN;
    if (own)
        exchange_over(exchange, EXCHANGE_LEFT_OPEN, EXCHANGE_UNSEEN, 0);
    return own;
}

void exchange_process_ends(void)
{
    for_each_open(leave_open, (struct opening){0});
}
