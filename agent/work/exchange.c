// SPDX-License-Identifier: Apache-2.0
#include "agent/work/exchange.h"

#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/counters.h"
#include "agent/base/slab.h"
#include "agent/queue/queue.h"
#include "agent/span/propagation.h"
#include "agent/span/propagator.h"
#include "agent/text/redact.h"

#define OPEN_RECORD_BYTES sizeof((struct region_open *)0)->record

static struct slab exchanges;
_Atomic(char *) exchange_memory;

static _Atomic(struct exchange_text *) texts; /* written before exchange_memory is */

_Static_assert(sizeof(struct exchange) <= EXCHANGE_BYTES, "an exchange fits its slot");
_Static_assert(sizeof(struct exchange_text) <= EXCHANGE_TEXT_BYTES, "and its text");
_Static_assert(OPEN_RECORD_BYTES <= EXCHANGE_RECORD_BYTES, "a record moves into either");

void exchange_init(void *memory, uint32_t count)
{
    char *slots = (char *)memory + (size_t)count * EXCHANGE_TEXT_BYTES;
    atomic_store_explicit(&texts, memory, memory_order_relaxed);
    slab_adopt(&exchanges, slots, EXCHANGE_BYTES, count);
    atomic_store_explicit(&exchange_memory, slots, memory_order_release);
}

/* Relaxed: whoever has a slot has seen exchange_memory, or the slab's. */
static struct exchange_text *text_at(uint32_t slot)
{
    char *first = (char *)atomic_load_explicit(&texts, memory_order_relaxed);
    return (struct exchange_text *)(void *)(first + (size_t)slot * EXCHANGE_TEXT_BYTES);
}

static void give_text_back(uint32_t slot)
{
    (void)madvise(text_at(slot), EXCHANGE_TEXT_BYTES, MADV_DONTNEED);
}

void exchange_trim(void)
{
    /* Of a larger page several have parts. */
    if (atomic_load_explicit(&exchange_memory, memory_order_acquire) &&
        sysconf(_SC_PAGESIZE) <= EXCHANGE_TEXT_BYTES)
        slab_trim(&exchanges, give_text_back);
}

static bool still(const struct exchange *exchange, uint32_t generation)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&exchange->generation, memory_order_relaxed) == generation;
}

bool exchange_context(const struct exchange *exchange, struct context *context)
{
    uint64_t words[EXCHANGE_PUBLISHED];
    uint32_t generation = atomic_load_explicit(&exchange->generation, memory_order_acquire);
#pragma GCC unroll 4
    for (size_t i = 0; i < EXCHANGE_PUBLISHED; i++)
        words[i] = atomic_load_explicit(&exchange->published[i], memory_order_relaxed);
    memcpy(&context->span, words, sizeof context->span);
    context->exchange = exchange_slot(exchange) + 1;
    context->generation = generation;
    context->doubtful = false;
    return generation % 2 == 1 && still(exchange, generation);
}

/* The slot is in use and others may look at it. */
static void publish(struct exchange *exchange)
{
    uint64_t words[EXCHANGE_PUBLISHED] = {0};
    memcpy(words, &exchange->self, sizeof exchange->self);
#pragma GCC unroll 4
    for (size_t i = 0; i < EXCHANGE_PUBLISHED; i++)
        atomic_store_explicit(&exchange->published[i], words[i], memory_order_relaxed);
    atomic_fetch_add_explicit(&exchange->generation, 1, memory_order_release);
}

#define BODY_BITS 48
#define BODY_MASK ((UINT64_C(1) << BODY_BITS) - 1)

static uint64_t body_word(uint32_t generation, uint64_t bytes)
{
    return (uint64_t)generation << BODY_BITS | (bytes & BODY_MASK);
}

/* Not inlined: few requests have a body, and all begin where it is called. */
__attribute__((noinline)) void exchange_request_body(uint32_t slot, uint32_t generation,
                                                     uint64_t bytes)
{
    _Atomic uint64_t *place = &exchange_at(slot)->request_body_bytes;
    uint64_t word = atomic_load_explicit(place, memory_order_relaxed);
    /* Once: only this request's side writes, or it is over. */
    if (word >> BODY_BITS == (generation & UINT16_MAX))
        atomic_compare_exchange_strong_explicit(place, &word, body_word(generation, bytes),
                                                memory_order_relaxed, memory_order_relaxed);
}

static void open_slot(struct exchange *exchange)
{
    exchange->inherited = EXCHANGE_OWN;
    exchange->status = 0;
    uint32_t generation = atomic_load_explicit(&exchange->generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&exchange->request_body_bytes, body_word(generation, 0),
                          memory_order_relaxed);
}

/* Where the record of a request in flight survives this process, if anywhere. */
static struct region_open *open_place(const struct exchange *exchange)
{
    /* Acquire: pairs with the release when they were made ready. */
    return exchange->slot < atomic_load_explicit(&queue.region.open_ready, memory_order_acquire)
               ? &queue.region.open[exchange->slot]
               : NULL;
}

/* Likewise, after what can be done for it. */
__attribute__((cold, noinline)) static struct region_open *
make_open_place(const struct exchange *exchange)
{
    if (queue_make_region() && exchange->slot < REGION_OPEN && !open_place(exchange))
        region_grow_open(&queue.region);
    return open_place(exchange);
}

static uint64_t span_word(const struct exchange *exchange)
{
    uint64_t id;
    memcpy(&id, exchange->self.span_id, sizeof id);
    return id;
}

/* The same, where that record is this exchange's. */
static struct region_open *own_place(const struct exchange *exchange)
{
    struct region_open *place = open_place(exchange);
    return place && (const void *)exchange->span.record == place->record ? place : NULL;
}

/* Release, here and below: what another process finds after our end is in this order. */
static void set_in_flight(const struct exchange *exchange, uint64_t id)
{
    struct region_open *place = own_place(exchange);
    if (place)
        atomic_store_explicit(&place->in_flight, id, memory_order_release);
}

static void close_slot(struct exchange *exchange)
{
    reading_end(&exchange->reading, false);
    atomic_fetch_add_explicit(&exchange->generation, 1, memory_order_acq_rel);
    slab_give(&exchanges, exchange->slot);
}

struct exchange *exchange_take(void)
{
    uint32_t slot;
    struct exchange *exchange = slab_take(&exchanges, &slot);
    if (!exchange)
        return NULL;
    exchange->slot = slot;
    exchange->text = text_at(slot);
    return exchange;
}

__attribute__((cold, noinline)) void exchange_put_back(struct exchange *exchange)
{
    slab_give(&exchanges, exchange->slot);
}

/* Nobody knows of it yet. */
__attribute__((cold, noinline)) static void leave_out(struct exchange *exchange)
{
    exchange->recording = false;
    exchange->self.flags &= (uint8_t)~TRACE_FLAG_SAMPLED;
    exchange->self.flags |= TRACE_FLAG_LEFT_OUT;
}

/* True: there is a record to fill. Apart, because what fills it has not to lie below this frame. */
__attribute__((noinline)) static bool begin_record(struct exchange *exchange,
                                                   const struct carrier *carrier, bool left_out,
                                                   uint64_t start_ns)
{
    open_slot(exchange);
    struct exchange_text *text = exchange->text;
    struct origin origin;
    propagator_extract(propagation_fields, carrier, &origin, &text->carried);
    exchange->tracestate_bytes = origin.tracestate_bytes;
    exchange->baggage_bytes = origin.baggage_bytes;
    exchange->recording = context_identify(&exchange->self, &origin.parent);
    if (left_out)
        leave_out(exchange);
    publish(exchange);
    if (!exchange->recording)
        return false;
    struct region_open *place = open_place(exchange);
    if (!place)
        place = make_open_place(exchange);
    span_begin(&exchange->span, place ? place->record : text->record, OPEN_RECORD_BYTES,
               exchange->kind->scope, exchange->kind->span_kind, &exchange->self, &origin.parent,
               start_ns);
    return true;
}

/* As it may be shown; it goes on as it came. Apart, because redaction goes deep. */
__attribute__((noinline)) static void record_tracestate(struct exchange *exchange)
{
    struct exchange_text *text = exchange->text;
    struct slice state = {text->carried.tracestate, exchange->tracestate_bytes};
    struct slice shown =
        redact_text(&redact_of_process, state, text->scratch, sizeof text->scratch);
    span_tracestate(&exchange->span, shown);
    if (shown.at != state.at)
        span_masked(&exchange->span);
}

bool exchange_begin(struct exchange *exchange, const struct exchange_kind *kind,
                    const struct carrier *carrier, bool left_out, uint64_t start_ns)
{
    exchange->kind = kind;
    if (!begin_record(exchange, carrier, left_out, start_ns))
        return false;
    if (exchange->tracestate_bytes)
        record_tracestate(exchange);
    return true;
}

void exchange_told(struct exchange *exchange)
{
    set_in_flight(exchange, span_word(exchange));
}

void exchange_answered(struct exchange *exchange, uint16_t status)
{
    reading_answered(&exchange->reading);
    exchange->status = status;
}

uint64_t exchange_request_bytes(const struct exchange *exchange)
{
    return atomic_load_explicit(&exchange->request_body_bytes, memory_order_relaxed) & BODY_MASK;
}

static void finish(struct exchange *exchange, uint64_t response_body_bytes, uint64_t end_ns,
                   struct slice error_type)
{
    struct span *span = &exchange->span;
    error_type = exchange->kind->finish(exchange, response_body_bytes, error_type);
    if (response_body_bytes == EXCHANGE_UNSEEN)
        span_boolean(span, ATTRIBUTE_OTELAGENT_INCOMPLETE, true);
    if (error_type.at) {
        span_string(span, ATTRIBUTE_ERROR_TYPE, error_type);
        span_error(span, SLICE_NONE);
    }
    span_end(span, end_ns);
    struct region_open *place = own_place(exchange);
    if (place && !region_take_open(place, span_word(exchange)))
        return; /* a child that we know nothing of answers */
    queue_hand_over(span->record);
    set_in_flight(exchange, 0);
}

void exchange_end(struct exchange *exchange, uint64_t response_body_bytes, uint64_t end_ns)
{
    exchange_abort(exchange, response_body_bytes, end_ns, SLICE_NONE);
}

void exchange_abort(struct exchange *exchange, uint64_t response_body_bytes, uint64_t end_ns,
                    struct slice error_type)
{
    if (exchange->recording)
        finish(exchange, response_body_bytes, end_ns, error_type);
    close_slot(exchange);
}

void exchange_lost(struct exchange *exchange, uint64_t end_ns)
{
    if (exchange->recording)
        counters_add(&counters.spans_incomplete, 1);
    exchange_abort(exchange, EXCHANGE_UNSEEN, end_ns, SLICE_NONE);
}

void exchange_forget(struct exchange *exchange)
{
    if (exchange->recording)
        set_in_flight(exchange, 0);
    close_slot(exchange);
}

/* Copies while the slot may be reused by another thread: what was copied counts only if the
 * generation is the same afterwards. Byte by byte and volatile, because it is a race, if one whose
 * loser is thrown away; ThreadSanitizer is told so. */
__attribute__((no_sanitize("thread"))) static void copy_racing(char *into, const char *from,
                                                               size_t length)
{
    const volatile char *source = from;
    for (size_t i = 0; i < length; i++)
        into[i] = source[i];
}

/* ---- forks ---- */

/* Calls that for each request whose record lies in this process's region. */
static bool for_each_open(void (*visit)(struct exchange *exchange, uint8_t inherited),
                          uint8_t inherited)
{
    bool any = false;
    uint32_t used = atomic_load_explicit(&exchanges.fresh, memory_order_relaxed);
    uint32_t ready = atomic_load_explicit(&queue.region.open_ready, memory_order_relaxed);
    for (uint32_t slot = 0; slot < used && slot < ready; slot++) {
        struct exchange *exchange = exchange_at(slot);
        if (!(atomic_load_explicit(&exchange->generation, memory_order_acquire) % 2) ||
            !exchange->recording || !own_place(exchange))
            continue;
        visit(exchange, inherited);
        any = true;
    }
    return any;
}

/* What another thread is writing just now may be torn; its length is looked at before it is used.
 */
static void copy_record(struct exchange *exchange, const struct region_open *from)
{
    copy_racing((char *)exchange->text->record, (const char *)from->record, OPEN_RECORD_BYTES);
}

static void keep_copy(struct exchange *exchange, uint8_t unused)
{
    (void)unused;
    copy_record(exchange, open_place(exchange));
}

void exchange_forking(void)
{
    for_each_open(keep_copy, 0);
}

static void inherit(struct exchange *exchange, uint8_t inherited)
{
    if (inherited == EXCHANGE_OWN)
        copy_record(exchange, open_place(exchange));
    exchange->span.record = (struct span_record *)exchange->text->record;
    exchange->inherited = inherited;
}

bool exchange_forked(bool known)
{
    if (queue.inherited.header) { /* a grandchild, with two of them: the older one is asked */
        for_each_open(inherit, EXCHANGE_OWN);
        return false;
    }
    return for_each_open(inherit, known ? EXCHANGE_FORKED : EXCHANGE_CLONED);
}

/* Does the parent, or who came after it, leave the exchange to us? */
static bool take_from_parent(struct region_open *open, uint64_t id, bool known)
{
    uint64_t found = id;
    if (atomic_compare_exchange_strong_explicit(&open->in_flight, &found, 0, memory_order_acq_rel,
                                                memory_order_acquire))
        return true;
    return known && found != REGION_ENDING &&
           atomic_load_explicit(&open->ended, memory_order_relaxed) != id;
}

static bool is_sound(const struct exchange *exchange)
{
    const struct span_record *record = (const struct span_record *)exchange->text->record;
    return record->length >= sizeof *record && record->length <= OPEN_RECORD_BYTES &&
           record->length % 8 == 0 &&
           memcmp(record->span_id, exchange->self.span_id, sizeof record->span_id) == 0;
}

/* So that it survives this process, too. */
static void move_into_region(struct exchange *exchange)
{
    struct region_open *place = make_open_place(exchange);
    if (!place)
        return;
    memcpy(place->record, exchange->text->record, OPEN_RECORD_BYTES);
    exchange->span.record = (struct span_record *)place->record;
    set_in_flight(exchange, span_word(exchange));
}

void exchange_take_over(struct exchange *exchange)
{
    if (exchange->inherited == EXCHANGE_OWN || !exchange->recording)
        return;
    bool known = exchange->inherited == EXCHANGE_FORKED;
    struct region_open *open = &queue.inherited.open[exchange->slot];
    if (!known) /* before it is taken: afterwards the parent uses the place again */
        copy_record(exchange, open);
    exchange->recording = take_from_parent(open, span_word(exchange), known) && is_sound(exchange);
    exchange->inherited = EXCHANGE_OWN;
    if (exchange->recording)
        move_into_region(exchange);
}

__attribute__((no_sanitize("thread"))) static size_t
copy_carried(const struct context *context, bool baggage, char *into, size_t capacity)
{
    if (!context->exchange || context->doubtful)
        return 0;
    const struct exchange *exchange = exchange_at(context->exchange - 1);
    if (atomic_load_explicit(&exchange->generation, memory_order_acquire) != context->generation)
        return 0;
    size_t length = baggage ? exchange->baggage_bytes : exchange->tracestate_bytes;
    if (length > capacity)
        return 0;
    const struct exchange_text *text = text_at(exchange_slot(exchange));
    copy_racing(into, baggage ? text->carried.baggage : text->carried.tracestate, length);
    return still(exchange, context->generation) ? length : 0;
}

size_t exchange_copy_tracestate(const struct context *context, char into[CARRIED_TRACESTATE_BYTES])
{
    return copy_carried(context, false, into, CARRIED_TRACESTATE_BYTES);
}

size_t exchange_copy_baggage(const struct context *context, char into[CARRIED_BAGGAGE_BYTES])
{
    return copy_carried(context, true, into, CARRIED_BAGGAGE_BYTES);
}
