// SPDX-License-Identifier: Apache-2.0
/* context.h - what a thread is working for.
 *
 * A context is a value: the span context that new spans become children of, and the server
 * exchange it came from, by slot and generation, so that what is learnt late (tracestate,
 * baggage) can be looked up while the exchange lives. It comes with the bytes of a request and
 * goes with its answer (stream.c); whether it is sure enough for a call to be its child is asked
 * when the call begins (work.c). In doubt it is absent. */
#ifndef AGENT_CONTEXT_H
#define AGENT_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/span/span.h"

struct context {
    struct span_context span; /* absent: !span_context_present() */
    uint32_t exchange;        /* slot + 1 of the server exchange; 0: none */
    uint32_t generation;      /* of that slot, when the context was made */
    uint32_t connection;      /* serial of the connection it was read on; meaningless without one */
    bool doubtful;            /* no call's parent */
};

/* The calling thread's context. Valid until the thread's next observed call. */
const struct context *context_current(void);
void context_set(const struct context *context);
void context_clear(void);
/* It is not sure: whose thread this is stays known, but it is no call's parent. */
void context_doubt(void);

/* This thread forked, and may be about to leave the connection it works for to the child; as soon
 * as it waits or reads again, it is not. */
void context_handing_over(void);
bool context_hands_over(void);
void context_goes_on(void);

/* Ids and flags of a new span: a child of `parent`, or, where that is empty, the root of a new
 * trace, for which the sampler is asked. Returns whether the span is recorded. */
bool context_identify(struct span_context *self, const struct span_context *parent);

/* The same for a span that starts now on this thread, after work_call(): `parent` is set to the
 * current context, unless that is doubtful. */
bool context_begin_span(struct span_context *self, struct span_context *parent);

/* A number for what this thread holds: its kernel id in the upper half, in the lower an even number
 * that it has not used for long. Never 0. */
uint64_t context_claim(void);

/* This thread's kernel id and name, cached: a system call each for a thread's first time. */
int32_t context_thread_id(void);
struct slice context_thread_name(void);
/* Is there no thread of that kernel id any more? By a call that filters of system calls have to
 * allow anyway. A thread of another process that has the number by now is taken for it; so are, in
 * a forked child, those of the parent. */
bool context_thread_has_ended(int32_t id);

/* Everything that threads cached is stale: in a forked child. What its parent worked for is that
 * one's, until the child reads on. */
void context_forked(void);

#endif
