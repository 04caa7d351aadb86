// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/memcached/memcached_batch.h"

#define PIPELINE "PIPELINE"

/* ---- spans that wait for their answers ---- */

static bool is_answered(const struct memcached_batch *batch, uint32_t last)
{
    return (int32_t)(batch->answered - last) >= 0;
}

static void end_first(struct memcached_batch *batch, const struct memcached_listener *listener,
                      uint64_t now_ns)
{
    bool has_span = batch->has_spans & 1;
    struct memcached_answered answered = {
        .failed = batch->error.at != NULL,
        .error = batch->error,
        .values = batch->read & 1 ? (int64_t)batch->values : -1,
    };
    batch->waiting_count--;
    batch->has_spans >>= 1;
    batch->read >>= 1;
    batch->have_quiet >>= 1;
    memmove(batch->waiting, batch->waiting + 1, batch->waiting_count * sizeof *batch->waiting);
    batch->error = SLICE_NONE;
    batch->values = 0;
    if (has_span)
        listener->answered(listener->context, &answered, now_ns);
}

static void end_answered(struct memcached_batch *batch, const struct memcached_listener *listener,
                         uint64_t now_ns)
{
    while (batch->waiting_count && is_answered(batch, batch->waiting[0]))
        end_first(batch, listener, now_ns);
}

/* ---- the commands that are being written ---- */

/* One place is kept for those without a span, which share it. */
static bool has_room(const struct memcached_batch *batch)
{
    return batch->waiting_count < MEMCACHED_SPANS_MOST - 1;
}

static void open_group(struct memcached_batch *batch, const struct memcached_listener *listener,
                       const struct memcached_command *first, uint64_t began_ns)
{
    batch->is_open = true;
    batch->is_same = true;
    batch->is_session = true;
    batch->reads = false;
    batch->has_quiet = false;
    batch->ends_quiet = false;
    batch->lingers = false;
    batch->size = 0;
    batch->first = first;
    memcached_text_begin(&batch->text);
    bool room = has_room(batch);
    if (!room)
        listener->missed(listener->context);
    batch->has_span = room && listener->begin(listener->context, began_ns);
}

static void tell_asked(const struct memcached_batch *batch,
                       const struct memcached_listener *listener)
{
    char operation[sizeof PIPELINE " " + sizeof batch->first->name];
    size_t length = 0;
    if (batch->size > 1) {
        memcpy(operation, PIPELINE " ", sizeof PIPELINE);
        length = batch->is_same ? sizeof PIPELINE : sizeof PIPELINE - 1;
    }
    if (batch->is_same) {
        size_t bytes = strlen(batch->first->name);
        memcpy(operation + length, batch->first->name, bytes);
        length += bytes;
    }
    listener->asked(listener->context, &(struct memcached_asked){
                                           .operation = {operation, length},
                                           .text = memcached_text_written(&batch->text),
                                           .size = batch->size,
                                           .is_session = batch->is_session,
                                           .hidden = batch->text.hidden,
                                       });
}

static void close_group(struct memcached_batch *batch, const struct memcached_listener *listener,
                        uint64_t now_ns)
{
    if (!batch->is_open)
        return;
    if (batch->has_span)
        tell_asked(batch, listener);
    batch->is_open = false;
    unsigned count = batch->waiting_count;
    bool shares = !batch->has_span && count && !(batch->has_spans >> (count - 1) & 1);
    if (!shares)
        batch->waiting_count = (uint8_t)++count;
    bool all_come = !batch->ends_quiet; /* all values do, before it ends */
    batch->waiting[count - 1] = batch->awaited;
    batch->has_spans |= (uint64_t)batch->has_span << (count - 1);
    batch->read |= (uint64_t)(batch->reads && all_come) << (count - 1);
    batch->have_quiet |= (uint64_t)batch->has_quiet << (count - 1);
    end_answered(batch, listener, now_ns);
}

/* ---- a command ---- */

static bool is_session(const struct memcached_command *command)
{
    return command->kind == MEMCACHED_SESSION || command->kind == MEMCACHED_NOOP ||
           command->kind == MEMCACHED_QUIT;
}

static bool reads(const struct memcached_command *command)
{
    return command->kind == MEMCACHED_RETRIEVE || command->kind == MEMCACHED_META_GET;
}

/* `mn` behind others ends them, and is none of them. */
static bool is_end(const struct memcached_batch *batch, const struct memcached_command *command)
{
    return command->kind == MEMCACHED_NOOP && batch->size;
}

static void begin_command(struct memcached_batch *batch, const struct memcached_listener *listener,
                          const struct memcached_command *command, uint64_t began_ns)
{
    if (batch->lingers && command->kind != MEMCACHED_NOOP)
        close_group(batch, listener, batch->wrote_ns);
    if (!batch->is_open)
        open_group(batch, listener, command, began_ns);
    batch->lingers = false;
    if (is_end(batch, command))
        return;
    batch->is_same &= command == batch->first;
    batch->is_session &= is_session(command);
    batch->reads |= reads(command);
    batch->size++;
}

void memcached_batch_word(struct memcached_batch *batch, const struct memcached_listener *listener,
                          const struct memcached_requests *request, uint64_t began_ns)
{
    bool is_name = request->words.count == 1;
    if (is_name)
        begin_command(batch, listener, request->command, began_ns);
    memcached_text_word(&batch->text, listener->redact, request);
}

bool memcached_batch_line(struct memcached_batch *batch, const struct memcached_listener *listener,
                          const struct memcached_requests *request, uint64_t now_ns)
{
    bool answered;
    memcached_text_end_command(&batch->text);
    if (request->command->kind == MEMCACHED_WATCH ||
        !memcached_queue_put(&batch->queue, request, &answered))
        return false;
    batch->ends_quiet = request->is_quiet;
    batch->has_quiet |= request->is_quiet;
    if (!memcached_is_answered(request))
        return true;
    batch->awaited++;
    batch->answered += answered;
    if (answered)
        end_answered(batch, listener, now_ns);
    return true;
}

void memcached_batch_end_write(struct memcached_batch *batch,
                               const struct memcached_listener *listener, uint64_t now_ns)
{
    batch->lingers = batch->is_open && batch->ends_quiet;
    batch->wrote_ns = now_ns;
    if (!batch->lingers)
        close_group(batch, listener, now_ns);
}

void memcached_batch_end(struct memcached_batch *batch, const struct memcached_listener *listener,
                         uint64_t now_ns, bool is_cut)
{
    bool lingers = batch->lingers && !is_cut;
    batch->awaited += is_cut;
    close_group(batch, listener, lingers ? batch->wrote_ns : now_ns);
}

/* ---- answers ---- */

/* Is the first span one that such an answer may be told of? Else it comes late. */
static bool may_be_told(const struct memcached_batch *batch, enum memcached_whose whose)
{
    bool is_open = batch->is_open && batch->has_quiet;
    bool has_quiet = batch->waiting_count ? batch->have_quiet & 1 : is_open;
    return whose != MEMCACHED_OF_MAYBE || has_quiet;
}

bool memcached_batch_answer(struct memcached_batch *batch,
                            const struct memcached_listener *listener,
                            const struct memcached_answer *answer, uint64_t now_ns)
{
    enum memcached_whose whose = memcached_queue_take(&batch->queue, answer);
    if (whose == MEMCACHED_OF_NOBODY)
        return false;
    bool told = may_be_told(batch, whose);
    if (told && answer->kind == MEMCACHED_ERROR && !batch->error.at)
        batch->error = answer->error;
    if (told)
        batch->values += answer->values;
    if (whose != MEMCACHED_OF_SURE)
        return true;
    batch->answered++;
    end_answered(batch, listener, now_ns);
    return true;
}
