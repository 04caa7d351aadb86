// SPDX-License-Identifier: Apache-2.0
/* exchange.h - one request and its response, on the way to becoming a span.
 *
 * An exchange begins with a request that was understood and ends with the last byte of its
 * response. Its span record is written in place: what the request says when it is read, what the
 * response says when it is over. What they say the protocol knows: it is asked through the
 * exchange's kind. Slots are reused, and carry a generation so that a context that outlived its
 * exchange finds out.
 *
 * An exchange is touched by the thread that parses the connection's requests until it is handed
 * over in the connection's queue, and by the thread that parses its responses from then on. */
#ifndef AGENT_EXCHANGE_H
#define AGENT_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/queue/region.h"
#include "agent/span/propagator.h"
#include "agent/span/span.h"
#include "agent/work/context.h"
#include "agent/work/evidence.h"

#define EXCHANGE_BYTES         256 /* a slot */
#define EXCHANGE_HEAD_BYTES    384 /* what a protocol keeps of a message */
#define EXCHANGE_SCRATCH_BYTES 2792
#define EXCHANGE_RECORD_BYTES  7168
#define EXCHANGE_KEPT_BYTES    512 /* what a protocol keeps of requests before */
#define EXCHANGE_OPEN_BYTES    sizeof((struct region_open *)0)->record
#define EXCHANGE_PUBLISHED     ((sizeof(struct span_context) + 7) / 8)

struct exchange;

/* The size of a response whose end was not seen. */
#define EXCHANGE_UNSEEN UINT64_MAX

/* How an exchange ends. */
enum exchange_ending {
    EXCHANGE_ANSWERED,  /* with the last byte of its response */
    EXCHANGE_ABORTED,   /* the connection ended before: error type `connection_aborted` */
    EXCHANGE_LOST,      /* we lost sight of the connection before: incomplete, but no error */
    EXCHANGE_FORGOTTEN, /* it is another process's, or was no request after all */
    EXCHANGE_LEFT_OPEN  /* the process ends before */
};

/* A protocol's exchanges: a constant of its own. */
struct exchange_kind {
    enum span_scope scope;
    enum span_kind span_kind;
    /* The exchange is over: adds to its span what was not known before, its name too. Returns what
     * kind of error it is, which was `error_type` until then; absent: none. It may lie in scratch.
     */
    struct slice (*finish)(struct exchange *exchange, uint64_t response_body_bytes,
                           struct slice error_type);
};

struct exchange_text;

struct exchange {
    uint64_t link; /* the slab's */
    /* Odd while the slot is in use. Who copies from an exchange that another thread may end checks
     * it before and after; release at every change, acquire before the copy and a fence after. */
    _Atomic uint32_t generation;
    uint32_t slot;
    bool recording;
    uint8_t inherited;   /* 0: no; else exchange_inheritance.h */
    uint8_t lodged;      /* its place in the parent's region (lodging.h); 0: none */
    uint8_t lodged_at;   /* likewise of the process it was inherited from */
    uint32_t lodged_use; /* of either; see lodging_use() */
    uint16_t status;     /* the answer's, in the protocol's numbers; 0 until then */
    struct carried carried;
    /* Content-Length, or what was counted of a chunked body so far, by the requests' side while
     * the response may be running already, or even be over: so the generation it belongs to stands
     * above it. */
    _Atomic uint64_t request_body_bytes;
    struct reading reading;
    struct span_context self;
    _Atomic uint64_t published[EXCHANGE_PUBLISHED]; /* `self` again, for other threads */
    struct exchange_text *text;                     /* always the same, for who has the exchange */
    const struct exchange_kind *kind;
    uint64_t start_ns; /* also where nothing is recorded */
    struct span span;
};

/* What strangers fill, apart: after a peak of requests it goes back to the kernel, while the slots
 * stay, because contexts that outlived their exchange go on asking for its generation. */
struct exchange_text {
    _Alignas(16) char head[EXCHANGE_HEAD_BYTES];
    struct span_context parent;                 /* while the request begins */
    _Alignas(8) char kept[EXCHANGE_KEPT_BYTES]; /* in the page that is in use anyway */
    _Alignas(8) char scratch[EXCHANGE_SCRATCH_BYTES];
    _Alignas(8) unsigned char record[EXCHANGE_RECORD_BYTES];
    struct carried_text carried;
};
#define EXCHANGE_TEXT_BYTES 16384 /* of which only the pages that are used become resident */

/* For the protocol, as it likes, from exchange_take() until it ends: not on the stack, which may be
 * small. Aligned to 16 bytes. */
static inline void *exchange_head(const struct exchange *exchange)
{
    return exchange->text->head;
}

/* Working memory for whoever is at work on it; functions that get the exchange may use it, too.
 * Aligned to 8 bytes. */
static inline char *exchange_scratch(const struct exchange *exchange)
{
    return exchange->text->scratch;
}

/* Memory of the slot: all zero at first, then as the last request there has left it, or all zero
 * again. Aligned to 8 bytes. */
static inline void *exchange_kept(const struct exchange *exchange)
{
    return exchange->text->kept;
}

/* Takes the memory that exchanges live in. Once, on one thread. False: there is none. */
bool exchange_prepare(void);

/* A slot for a request that is about to be parsed; NULL where none is free. Either it begins, or it
 * is put back. */
struct exchange *exchange_take(void);
void exchange_put_back(struct exchange *exchange);

/* It begins, and others may know its context. The carrier may lie in scratch. With `left_out`
 * nothing is recorded of it, nor of what is asked for it. True: there is a record, in which the
 * request is to be told. Then exchange_told(): from there on others send the record if this process
 * can't. */
static inline bool exchange_begin(struct exchange *exchange, const struct exchange_kind *kind,
                                  const struct carrier *carrier, bool left_out, uint64_t start_ns);
void exchange_told(struct exchange *exchange);

/* Gives back memory that a peak of requests in flight has used: see slab_trim(). */
void exchange_trim(void);

extern _Atomic(char *) exchange_memory;
extern _Atomic(struct exchange_text *) exchange_texts; /* written before that is */

/* The slot, used or not. Several times a request, and so no question of a function. */
static inline struct exchange *exchange_at(uint32_t slot)
{
    /* Acquire pairs with the release in exchange_prepare(). */
    char *memory = atomic_load_explicit(&exchange_memory, memory_order_acquire);
    return (struct exchange *)(void *)(memory + (size_t)slot * EXCHANGE_BYTES);
}

/* Relaxed: whoever has a slot has seen exchange_memory, or the slab's. */
static inline struct exchange_text *exchange_text_at(uint32_t slot)
{
    char *first = (char *)atomic_load_explicit(&exchange_texts, memory_order_relaxed);
    return (struct exchange_text *)(void *)(first + (size_t)slot * EXCHANGE_TEXT_BYTES);
}

/* Its number: not by its field, which another thread may be writing. */
static inline uint32_t exchange_slot(const struct exchange *exchange)
{
    return (uint32_t)(((const char *)exchange - (const char *)exchange_at(0)) / EXCHANGE_BYTES);
}

/* Is it the exchange that had that slot in that generation, and not over? */
static inline bool exchange_is_open(uint32_t slot, uint32_t generation)
{
    return generation % 2 == 1 &&
           atomic_load_explicit(&exchange_at(slot)->generation, memory_order_relaxed) == generation;
}

/* What was copied from an exchange of that generation was its. After an acquire of the generation.
 */
static inline bool exchange_is_still(const struct exchange *exchange, uint32_t generation)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&exchange->generation, memory_order_relaxed) == generation;
}

/* The context that work for that exchange belongs to, on no connection. Any thread; false where the
 * exchange has ended. */
bool exchange_copy_context(const struct exchange *exchange, struct context *context);

/* So much of its request's body is known, 0..2^48-1 bytes. Nothing where the exchange that had that
 * slot in that generation is over. */
void exchange_set_request_bytes(uint32_t slot, uint32_t generation, uint64_t bytes);

/* 0 where it has none, or nothing is known of it. */
uint64_t exchange_request_bytes(const struct exchange *exchange);

/* Its answer has begun, the final one, with that status. */
void exchange_answered(struct exchange *exchange, uint16_t status);

/* The one place where exchanges end: each that has begun passes it once, however it ends, before it
 * is asked whether anything is recorded of it. Its slot is given back, unless it is left open. Of
 * one that was answered or aborted `response_body_bytes` were payload, or EXCHANGE_UNSEEN. */
void exchange_over(struct exchange *exchange, enum exchange_ending ending,
                   uint64_t response_body_bytes, uint64_t end_ns);

static inline void exchange_end(struct exchange *exchange, uint64_t response_body_bytes,
                                uint64_t end_ns)
{
    exchange_over(exchange, EXCHANGE_ANSWERED, response_body_bytes, end_ns);
}

static inline void exchange_forget(struct exchange *exchange)
{
    exchange_over(exchange, EXCHANGE_FORGOTTEN, 0, 0);
}

/* Parts of exchange_begin(). Apart, because the caller's stack may be small, and redaction, and
 * what tells of the request, go deep: they have not to lie below the first one's frame. */
bool exchange_begin_record(struct exchange *exchange, const struct carrier *carrier, bool left_out,
                           uint64_t start_ns);
void exchange_record_tracestate(struct exchange *exchange);

static inline bool exchange_begin(struct exchange *exchange, const struct exchange_kind *kind,
                                  const struct carrier *carrier, bool left_out, uint64_t start_ns)
{
    exchange->kind = kind;
    if (!exchange_begin_record(exchange, carrier, left_out, start_ns))
        return false;
    if (exchange->carried.tracestate_bytes)
        exchange_record_tracestate(exchange);
    return true;
}

/* ---- for the other files that make up exchanges ---- */

/* So many of the first slots have ever been in use. */
uint32_t exchange_slots_used(void);

/* Where the record of a request in flight survives this process; NULL: nowhere. */
struct region_open *exchange_place(const struct exchange *exchange);
/* Likewise, after what can be done for it. */
struct region_open *exchange_make_place(const struct exchange *exchange);
/* The same, where that record is this exchange's. */
struct region_open *exchange_own_place(const struct exchange *exchange);

/* Its span's id, as that place has it. */
uint64_t exchange_id(const struct exchange *exchange);
/* Where it has a place: from now on that id is in flight there; 0: none is. Release: what another
 * process finds after our end is in this order. */
void exchange_set_in_flight(const struct exchange *exchange, uint64_t id);

#endif
