// SPDX-License-Identifier: Apache-2.0
#include "agent/work/exchange.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/base/counters.h"
#include "agent/base/slab.h"
#include "agent/queue/family.h"
#include "agent/queue/lodging.h"
#include "agent/queue/queue.h"
#include "agent/span/propagator.h"
#include "agent/text/redact.h"
#include "agent/work/with_sdk.h"

/* Requests in flight that are traced at a time; address space only until they are used. */
#define EXCHANGES       4096
#define EXCHANGES_LEAST 16
#define ADDRESS_SHARE   16 /* of limited address space: one in so many bytes */

static struct slab exchanges;
_Atomic(char *) exchange_memory;

_Atomic(struct exchange_text *) exchange_texts;

_Static_assert(sizeof(struct exchange) <= EXCHANGE_BYTES, "an exchange fits its slot");
_Static_assert(sizeof(struct exchange_text) <= EXCHANGE_TEXT_BYTES, "and its text");
_Static_assert(EXCHANGE_OPEN_BYTES <= EXCHANGE_RECORD_BYTES, "a record moves into either");

/* Where address space is limited (RLIMIT_AS), the application needs it more than we do. */
static uint32_t affordable(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return EXCHANGES;
    uint64_t share = limit.rlim_cur / ADDRESS_SHARE / (EXCHANGE_BYTES + EXCHANGE_TEXT_BYTES);
    if (share > EXCHANGES)
        return EXCHANGES;
    return share < EXCHANGES_LEAST ? EXCHANGES_LEAST : (uint32_t)share;
}

bool exchange_prepare(void)
{
    uint32_t count = affordable();
    size_t bytes = (size_t)count * (EXCHANGE_BYTES + EXCHANGE_TEXT_BYTES);
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    /* Huge pages would make 2 MB resident at the first touch. */
    (void)madvise(memory, bytes, MADV_NOHUGEPAGE);
    char *slots = memory + (size_t)count * EXCHANGE_TEXT_BYTES;
    atomic_store_explicit(&exchange_texts, (struct exchange_text *)(void *)memory,
                          memory_order_relaxed);
    slab_adopt(&exchanges, slots, EXCHANGE_BYTES, count);
    atomic_store_explicit(&exchange_memory, slots, memory_order_release);
    return true;
}

static void give_text_back(uint32_t slot)
{
    (void)madvise(exchange_text_at(slot), EXCHANGE_TEXT_BYTES, MADV_DONTNEED);
}

uint32_t exchange_slots_used(void)
{
    return atomic_load_explicit(&exchanges.fresh, memory_order_relaxed);
}

void exchange_trim(void)
{
    /* Of a larger page several have parts. */
    if (atomic_load_explicit(&exchange_memory, memory_order_acquire) &&
        sysconf(_SC_PAGESIZE) <= EXCHANGE_TEXT_BYTES)
        slab_trim(&exchanges, give_text_back);
}

bool exchange_copy_context(const struct exchange *exchange, struct context *context)
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
    return generation % 2 == 1 && exchange_is_still(exchange, generation);
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
__attribute__((noinline)) void exchange_set_request_bytes(uint32_t slot, uint32_t generation,
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
    exchange->inherited = 0;
    exchange->lodged = 0;
    exchange->status = 0;
    uint32_t generation = atomic_load_explicit(&exchange->generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&exchange->request_body_bytes, body_word(generation, 0),
                          memory_order_relaxed);
}

struct region_open *exchange_place(const struct exchange *exchange)
{
    /* Acquire: pairs with the release when they were made ready. */
    return exchange->slot < atomic_load_explicit(&queue.region.open_ready, memory_order_acquire)
               ? &queue.region.open[exchange->slot]
               : NULL;
}

__attribute__((cold, noinline)) struct region_open *
exchange_make_place(const struct exchange *exchange)
{
    family_say_records();
    if (queue_make_region() && exchange->slot < REGION_OPEN && !exchange_place(exchange))
        region_grow_open(&queue.region);
    return exchange_place(exchange);
}

/* Where this process has no region yet, in its parent's. */
__attribute__((cold, noinline)) static struct region_open *find_place(struct exchange *exchange)
{
    if (!queue_has_region())
        exchange->lodged = (uint8_t)lodging_take();
    if (exchange->lodged)
        exchange->lodged_use = lodging_use(exchange->lodged);
    return exchange->lodged ? lodging_taken(exchange->lodged) : exchange_make_place(exchange);
}

uint64_t exchange_id(const struct exchange *exchange)
{
    uint64_t id;
    memcpy(&id, exchange->self.span_id, sizeof id);
    return id;
}

__attribute__((cold, noinline)) static struct region_open *
lodging_of(const struct exchange *exchange)
{
    return lodging_taken(exchange->lodged);
}

struct region_open *exchange_own_place(const struct exchange *exchange)
{
    struct region_open *place = exchange->lodged ? lodging_of(exchange) : exchange_place(exchange);
    return place && (const void *)exchange->span.record == place->record ? place : NULL;
}

void exchange_set_in_flight(const struct exchange *exchange, uint64_t id)
{
    struct region_open *place = exchange_own_place(exchange);
    if (place)
        atomic_store_explicit(&place->in_flight, id, memory_order_release);
}

/* The place is given back when nobody looks there any more for this one. */
__attribute__((cold, noinline)) static void close_lodged(struct exchange *exchange)
{
    uint8_t lodged = exchange->lodged;
    reading_end(&exchange->reading, false);
    exchange->lodged = 0;
    atomic_fetch_add_explicit(&exchange->generation, 1, memory_order_acq_rel);
    lodging_give_back(lodged);
    slab_give(&exchanges, exchange->slot);
}

static void close_slot(struct exchange *exchange)
{
    if (exchange->lodged) {
        close_lodged(exchange);
        return;
    }
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
    exchange->text = exchange_text_at(slot);
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

__attribute__((noinline)) bool exchange_begin_record(struct exchange *exchange,
                                                     const struct carrier *carrier, bool left_out,
                                                     uint64_t start_ns)
{
    open_slot(exchange);
    exchange->start_ns = start_ns;
    struct exchange_text *text = exchange->text;
    /* Not on the stack, which may be small, and of which a process's first request needs most here.
     */
    struct span_context *parent = &text->parent;
    propagator_extract(carrier, parent, &exchange->carried, &text->carried);
    exchange->recording = context_identify(&exchange->self, parent);
    if (left_out || with_sdk_leaves_out(exchange->recording))
        leave_out(exchange);
    publish(exchange);
    if (!exchange->recording)
        return false;
    struct region_open *place = exchange_place(exchange);
    if (!place)
        place = find_place(exchange);
    span_begin(&exchange->span, place ? place->record : text->record, EXCHANGE_OPEN_BYTES,
               exchange->kind->scope, exchange->kind->span_kind, &exchange->self, parent, start_ns);
    return true;
}

/* As it may be shown; it goes on as it came. */
__attribute__((noinline)) void exchange_record_tracestate(struct exchange *exchange)
{
    struct exchange_text *text = exchange->text;
    struct slice state = {text->carried.tracestate, exchange->carried.tracestate_bytes};
    struct slice shown =
        redact_text(&redact_of_process, state, text->scratch, sizeof text->scratch);
    span_tracestate(&exchange->span, shown);
    if (shown.at != state.at)
        span_masked(&exchange->span);
}

void exchange_told(struct exchange *exchange)
{
    exchange_set_in_flight(exchange, exchange_id(exchange));
    queue_say_begun();
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

/* Apart from what the kind adds, which goes deep and has not to lie below this frame. */
__attribute__((noinline)) static void hand_over(struct exchange *exchange, bool incomplete,
                                                uint64_t end_ns, struct slice error_type)
{
    struct span *span = &exchange->span;
    if (incomplete)
        span_boolean(span, ATTRIBUTE_OTELAGENT_INCOMPLETE, true);
    if (error_type.at) {
        span_string(span, ATTRIBUTE_ERROR_TYPE, error_type);
        span_error(span, SLICE_NONE);
    }
    span_end(span, end_ns);
    struct region_open *place = exchange_own_place(exchange);
    if (place && !region_take_open(place, exchange_id(exchange)))
        return; /* a child that we know nothing of answers */
    queue_hand_over(span->record);
    exchange_set_in_flight(exchange, 0);
}

/* Apart, so that the end of one that is not recorded stays small. */
__attribute__((noinline)) static void finish(struct exchange *exchange, enum exchange_ending ending,
                                             uint64_t response_body_bytes, uint64_t end_ns)
{
    if (ending == EXCHANGE_FORGOTTEN) {
        exchange_set_in_flight(exchange, 0);
        return;
    }
    struct slice error_type = SLICE_NONE;
    if (ending == EXCHANGE_ABORTED)
        error_type = SLICE_LITERAL("connection_aborted");
    if (ending == EXCHANGE_LOST) { /* the span says what is known */
        counters_add(&counters.spans_incomplete, 1);
        response_body_bytes = EXCHANGE_UNSEEN;
    }
    error_type = exchange->kind->finish(exchange, response_body_bytes, error_type);
    hand_over(exchange, response_body_bytes == EXCHANGE_UNSEEN, end_ns, error_type);
}

void exchange_over(struct exchange *exchange, enum exchange_ending ending,
                   uint64_t response_body_bytes, uint64_t end_ns)
{
    /* Whoever reads the region sends the record; and another thread may go on with it. */
    if (ending == EXCHANGE_LEFT_OPEN)
        return;
    if (exchange->recording)
        finish(exchange, ending, response_body_bytes, end_ns);
    close_slot(exchange);
}
