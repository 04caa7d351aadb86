// SPDX-License-Identifier: Apache-2.0
#include "agent/work/work.h"

#include <string.h>

#include "agent/base/stack.h"
#include "agent/work/context.h"
#include "agent/work/evidence.h"

/* What this thread has read last. The channel may be another connection's by now: its serial
 * tells. The rest only where the thread is no loop. */
static __thread struct {
    const struct channel *channel; /* NULL: none */
    uint32_t serial;
    uint32_t exchange; /* the request's: slot + 1; 0: none */
    uint32_t generation;
    uint32_t waited_for; /* serial of a connection that it waited for, alone; may be nobody's */
    bool has_waited;
    bool has_changed;  /* connections */
    bool goes_round;   /* it has left a connection for another one, and for good */
    bool has_answered; /* all that it worked for, and has neither read nor waited since */
} tl_read;

/* The one that this thread's context was read on, likewise. */
static __thread const struct channel *tl_channel;

bool work_is_for(uint32_t entry)
{
    const struct context *current = context_current();
    return current->exchange && current->exchange == (entry & PIPELINE_SLOT) &&
           exchange_is_open(current->exchange - 1, current->generation);
}

/* Of those that wait for their answers on this connection, how many does this loop owe one? */
__attribute__((cold)) static uint32_t owed_here(const struct channel *channel)
{
    const struct pipeline *pipeline = &channel->pipeline;
    uint32_t owed = 0;
    uint32_t entry;
    struct pipeline_walk walk = pipeline_walk(pipeline);
    while ((entry = pipeline_next(pipeline, &walk)) != 0) {
        const struct exchange *exchange = pipeline_exchange(entry);
        owed += exchange && evidence_is_owed(&exchange->reading);
    }
    return owed;
}

/* Does this loop owe an answer on another connection, too? Then its code may be at work for that.
 */
static bool owes_others(const struct context *context, const struct exchange *exchange)
{
    if (evidence_owes_nothing_else(&exchange->reading))
        return false;
    return channel_serial(tl_channel) != context->connection ||
           evidence_count_owed() != owed_here(tl_channel);
}

void work_for(struct channel *channel, uint32_t place)
{
    struct pipeline *pipeline = &channel->pipeline;
    struct exchange *exchange = pipeline_exchange(pipeline_entry(pipeline, place));
    struct context context;
    /* An entry is taken before its slot is given back: where it has not been, what was copied out
     * of the slot was its. */
    if (!exchange || !exchange_copy_context(exchange, &context) ||
        atomic_load_explicit(&pipeline->taken, memory_order_acquire) != place) {
        context_clear();
        return;
    }
    context.connection = channel_serial(channel);
    tl_channel = channel;
    context.doubtful = !stack_is_own() || owes_others(&context, exchange);
    context_set(&context);
}

void work_leave(const struct channel *channel)
{
    if (context_current()->connection == channel_serial(channel))
        context_clear();
}

static bool is_open(const struct channel *channel, uint32_t serial)
{
    return channel_serial(channel) == serial &&
           atomic_load_explicit(&channel->references, memory_order_relaxed) != 0;
}

/* It goes on to another connection. Apart, because those that are kept are read often. */
__attribute__((noinline)) static void change_connection(struct channel *channel, int fd)
{
    const struct channel *before = tl_read.channel;
    uint32_t serial = tl_read.serial;
    tl_read.channel = channel;
    tl_read.serial = channel_serial(channel);
    atomic_store_explicit(&channel->fd, fd, memory_order_relaxed);
    tl_read.has_changed |= before != NULL;
    evidence_changes_connection();
    if (evidence_is_loop())
        return;
    /* What came after a shutdown is read to be thrown away (Apache's lingering close). */
    bool thrown_away = before && atomic_load_explicit(&before->shut, memory_order_relaxed);
    if (tl_read.exchange && exchange_is_open(tl_read.exchange - 1, tl_read.generation) &&
        !reading_is_answered(&exchange_at(tl_read.exchange - 1)->reading) && !thrown_away)
        evidence_hands_over();
    if (before && is_open(before, serial))
        tl_read.goes_round = true;
}

/* The newest request, whose body is being read. */
static bool newest_is_answered(const struct channel *channel)
{
    const struct exchange *exchange = pipeline_exchange(pipeline_newest(&channel->pipeline));
    return !exchange || reading_is_answered(&exchange->reading);
}

void work_reads(struct channel *channel, int fd, bool in_head, bool in_body)
{
    channel->reads_from =
        atomic_load_explicit(&channel->pipeline.placed, memory_order_relaxed) - in_body;
    if (tl_read.channel != channel || tl_read.serial != channel_serial(channel))
        change_connection(channel, fd);
    tl_read.has_answered = false;
    evidence_read();
    uint32_t thread = evidence_thread();
    if (channel->reader != thread) {
        if (in_head || (in_body && !newest_is_answered(channel)))
            evidence_hands_over();
        channel->reader = thread;
    }
}

/* Of several that wait. Who has read the oldest just now, and handles one after the other, handles
 * it first; a loop may handle them together; and who reads while an older one waits, which it did
 * not read just now, handles either. */
__attribute__((cold)) static bool works_for_oldest(uint32_t oldest, uint32_t reads_from)
{
    return (int32_t)(oldest - reads_from) >= 0 &&
           (!evidence_is_loop() || evidence_handles_in_order());
}

void work_for_what_was_read(struct channel *channel)
{
    struct pipeline *pipeline = &channel->pipeline;
    uint32_t reads_from = channel->reads_from;
    uint32_t placed = atomic_load_explicit(&pipeline->placed, memory_order_relaxed);
    uint32_t oldest = atomic_load_explicit(&pipeline->taken, memory_order_acquire);
    bool known = placed - oldest == 1 && (int32_t)(oldest - reads_from) >= 0;
    if (!known && oldest != placed)
        /* The beginning of a head alone says nothing new. */
        known = placed == reads_from ? work_is_for(pipeline_front(pipeline))
                                     : works_for_oldest(oldest, reads_from);
    if (known)
        work_for(channel, oldest);
    else
        context_clear();
}

__attribute__((cold)) void work_read_unknown(void)
{
    context_clear();
    evidence_read_unknown();
}

bool work_has_changed_connections(void)
{
    return tl_read.has_changed;
}

void work_begins(const struct channel *channel, const struct exchange *exchange)
{
    if (!exchange) {
        /* It is not known, so it is not counted either. */
        if (evidence_is_loop())
            evidence_interleaves();
        return;
    }
    if (evidence_is_loop())
        return; /* it may leave as many as it likes */
    tl_read.exchange = exchange->slot + 1;
    tl_read.generation = channel->newest;
}

/* A thread that waits for this connection and for no other, or waits in reading it, has it to
 * itself. */
__attribute__((cold, noinline)) static bool has_to_itself(const struct channel *channel,
                                                          reads_wait *waits)
{
    if (tl_read.has_waited && tl_read.waited_for == channel_serial(channel))
        return true;
    return !tl_read.goes_round && waits(channel);
}

bool work_goes_on_with(const struct channel *channel, uint32_t next, reads_wait *waits)
{
    return next & PIPELINE_ALONG && evidence_ends_with_answers() &&
           (evidence_is_loop() ? evidence_handles_in_order() : has_to_itself(channel, waits));
}

void work_waited_for(uint32_t serial)
{
    tl_read.waited_for = serial;
    tl_read.has_waited = true;
}

void work_nothing_read(const struct channel *channel, bool in_body)
{
    if (context_current()->exchange && context_current()->connection == channel_serial(channel) &&
        in_body && !evidence_is_loop())
        context_doubt();
}

void work_registered(const struct channel *channel)
{
    if (!evidence_is_loop())
        work_leave(channel);
}

bool work_is_left_to_child(const struct channel *channel)
{
    if (!context_hands_over())
        return false;
    uint32_t entry;
    struct pipeline_walk walk = pipeline_walk(&channel->pipeline);
    while ((entry = pipeline_next(&channel->pipeline, &walk)) != 0)
        if (work_is_for(entry))
            return true;
    return false;
}

static bool is_sure(const struct context *context)
{
    return !context->doubtful && evidence_tells() && stack_is_own() &&
           exchange_is_open(context->exchange - 1, context->generation) &&
           !owes_others(context, exchange_at(context->exchange - 1));
}

/* The context of this thread, if it is sure; its exchange has a call from now on. */
static const struct context *begin_call(void)
{
    const struct context *context = context_current();
    if (!context->exchange)
        return NULL;
    if (!is_sure(context)) {
        context_doubt();
        return NULL;
    }
    reading_called(&exchange_at(context->exchange - 1)->reading);
    return context;
}

void work_has_answered(void)
{
    context_clear();
    tl_read.has_answered = true;
}

void work_call(void)
{
    if (tl_read.has_answered)
        evidence_works_on();
    evidence_begins_call();
    begin_call();
}

struct owner work_owner(void)
{
    /* On another stack it may be a library's, which goes on with what its caller began. */
    const struct context *context = stack_is_own() ? begin_call() : NULL;
    return context ? (struct owner){context->exchange, context->generation} : (struct owner){0, 0};
}

void work_client_read(struct owner owner)
{
    const struct context *context = context_current();
    context_goes_on();
    if (evidence_is_loop() && context->exchange &&
        (owner.exchange != context->exchange || owner.generation != context->generation))
        context_clear();
}

void work_reset(void)
{
    memset(&tl_read, 0, sizeof tl_read);
    context_clear();
}

void work_waited(void)
{
    evidence_waited();
    tl_read.has_answered = false;
    if (context_current()->exchange)
        context_clear();
    else
        context_goes_on();
}
