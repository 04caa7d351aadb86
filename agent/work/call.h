// SPDX-License-Identifier: Apache-2.0
/* call.h - a request that this process sent by a protocol that is read along, while its answer is
 * awaited.
 *
 * Its span begins with the request, below what the thread works for, and is described as its bytes
 * go by, which are the application's and gone afterwards; so the record lies here until the answer
 * has come. Calls are bounded in number, which bounds their memory. One thread at a time has a
 * call: the one that is in the flow it belongs to. */
#ifndef AGENT_CALL_H
#define AGENT_CALL_H

#include "agent/work/client_span.h"

#define CALL_MOST         2048
#define CALL_NOTES_BYTES  64
#define CALL_RECORD_BYTES 7680

struct call {
    uint64_t link; /* the slab's */
    uint32_t index;
    bool described; /* `span` is to be written */
    struct client_span client;
    struct span span;
    /* Events of its span; 0: there is none. */
    uint64_t connected_ns;
    uint64_t first_byte_ns;                            /* of its answer */
    _Alignas(8) unsigned char notes[CALL_NOTES_BYTES]; /* the protocol's own; zeroed */
    _Alignas(8) unsigned char record[CALL_RECORD_BYTES];
};

/* Begins a call that was sent at start_ns. NULL: there is no memory, or too many are open
 * (counted). */
struct call *call_begin(enum span_scope scope, uint64_t start_ns);

/* The call of an index that call_begin() gave it. */
struct call *call_at(uint32_t index);

/* What its span says; NULL: nothing is recorded of it. */
static inline struct span *call_span(struct call *call)
{
    return call->described ? &call->span : NULL;
}

/* There is no room for it elsewhere: counted as lost. */
void call_drop(struct call *call);
/* It is over, and given back. */
void call_end(struct call *call, uint64_t end_ns);
/* The connection ended before its answer did: `error_type` says how (`connection_aborted`). */
void call_abort(struct call *call, struct slice error_type, uint64_t end_ns);
/* We lost sight of its answer: no fault of the application's. The span says what is known, and that
 * it is incomplete; counted. */
void call_lost(struct call *call, uint64_t end_ns);

/* The process ends: those that are open are counted as what their spans would have been. */
void call_count_open(void);

#endif
