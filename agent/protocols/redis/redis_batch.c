// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/redis/redis_batch.h"

enum { ANSWERED, UNANSWERED, NEXT_UNANSWERED }; /* CLIENT REPLY ON, OFF, SKIP */
enum { CHANNELS = 1, SHARDS = 2 };

/* ---- spans that wait for their answers ---- */

static bool is_answered(const struct redis_batch *batch, uint32_t last)
{
    return (int32_t)(batch->answered - last) >= 0;
}

static void end_first(struct redis_batch *batch, const struct redis_listener *listener,
                      uint64_t now_ns)
{
    bool has_span = batch->has_spans & 1;
    struct redis_answered answered = {
        .failed = batch->failed,
        .error = {batch->error, batch->error_length},
        .database = batch->database,
    };
    batch->waiting_count--;
    batch->has_spans >>= 1;
    memmove(batch->waiting, batch->waiting + 1, batch->waiting_count * sizeof *batch->waiting);
    if (has_span)
        listener->answered(listener->context, &answered, now_ns);
    batch->failed = false;
    batch->redirected = false;
    batch->error_length = 0;
}

static void end_answered(struct redis_batch *batch, const struct redis_listener *listener,
                         uint64_t now_ns)
{
    while (batch->waiting_count && is_answered(batch, batch->waiting[0]))
        end_first(batch, listener, now_ns);
}

/* ---- the group that is being written ---- */

/* One place is kept for groups without a span, which share it. */
static bool has_room(const struct redis_batch *batch)
{
    return batch->waiting_count < REDIS_SPANS_MOST - 1;
}

static void open_group(struct redis_batch *batch, const struct redis_listener *listener,
                       bool is_transaction, uint64_t began_ns)
{
    batch->is_open = true;
    batch->is_transaction = is_transaction;
    batch->is_same = true;
    batch->is_session = !is_transaction;
    batch->name_length = 0;
    batch->size = 0;
    batch->queued_database = -1;
    redis_text_begin(&batch->text);
    bool room = has_room(batch);
    if (!room)
        listener->missed(listener->context);
    batch->has_span = room && listener->begin(listener->context, began_ns);
}

static void tell_asked(const struct redis_batch *batch, const struct redis_listener *listener)
{
    char operation[sizeof "PIPELINE " + REDIS_NAME_BYTES];
    struct slice name = {batch->name, batch->name_length};
    struct slice prefix = batch->is_transaction ? SLICE_LITERAL("MULTI")
                          : batch->size > 1     ? SLICE_LITERAL("PIPELINE")
                                                : SLICE_LITERAL("");
    size_t length = prefix.length;
    memcpy(operation, prefix.at, length);
    bool has_name = batch->is_same && name.length && (batch->size || !length);
    if (has_name && length)
        operation[length++] = ' ';
    if (has_name) {
        memcpy(operation + length, name.at, name.length);
        length += name.length;
    }
    listener->asked(listener->context, &(struct redis_asked){
                                           .operation = {operation, length},
                                           .text = redis_text_written(&batch->text),
                                           .size = batch->size,
                                           .is_session = batch->is_session,
                                           .hidden = batch->text.hidden,
                                       });
}

/* Its answers are all those that are awaited behind the one before it. */
static void await_group(struct redis_batch *batch)
{
    unsigned count = batch->waiting_count;
    bool shares = !batch->has_span && count && !(batch->has_spans >> (count - 1) & 1);
    if (!shares)
        batch->waiting_count = (uint8_t)++count;
    batch->waiting[count - 1] = batch->awaited;
    if (batch->has_span)
        batch->has_spans |= UINT64_C(1) << (count - 1);
}

static void close_group(struct redis_batch *batch, const struct redis_listener *listener,
                        uint64_t now_ns)
{
    if (!batch->is_open)
        return;
    if (batch->has_span)
        tell_asked(batch, listener);
    batch->is_open = false;
    batch->is_transaction = false;
    await_group(batch);
    end_answered(batch, listener, now_ns);
}

/* ---- a command ---- */

static bool is_bracket(const struct redis_batch *batch, uint8_t kind)
{
    return batch->is_transaction && (kind == REDIS_MULTI || kind == REDIS_EXEC);
}

static bool is_session(uint8_t kind)
{
    return kind == REDIS_SESSION || kind == REDIS_SELECT || kind == REDIS_RESET ||
           kind == REDIS_PREFIX;
}

static void count_command(struct redis_batch *batch, struct slice name)
{
    struct slice known = {batch->name, batch->name_length};
    bool is_end = batch->is_transaction && batch->kind == REDIS_DISCARD;
    if (is_end || is_bracket(batch, batch->kind))
        return;
    batch->is_session &= is_session(batch->kind);
    if (batch->size)
        batch->is_same &= slice_equal_nocase(known, name);
    else {
        memcpy(batch->name, name.at, name.length);
        batch->name_length = (uint8_t)name.length;
    }
    batch->size += batch->kind != REDIS_PREFIX;
}

static bool begin_command(struct redis_batch *batch, const struct redis_listener *listener,
                          const struct resp_argument *name, uint64_t began_ns)
{
    struct redis_name found = redis_text_find(name);
    batch->kind = found.command ? found.command->kind : REDIS_PLAIN;
    batch->arguments = 0;
    batch->selected = -1;
    batch->reply_word = ANSWERED;
    if (batch->kind == REDIS_REPLICATION)
        return false;
    bool begins = batch->kind == REDIS_MULTI && !batch->is_transaction;
    if (begins)
        close_group(batch, listener, began_ns);
    if (!batch->is_open)
        open_group(batch, listener, begins, began_ns);
    count_command(batch, found.shown);
    if (!is_bracket(batch, batch->kind))
        redis_text_name(&batch->text, &found);
    return true;
}

static int32_t index_of(struct slice text)
{
    int32_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || i == 8)
            return -1;
        value = value * 10 + (text.at[i] - '0');
    }
    return text.length ? value : -1;
}

static uint8_t reply_word_of(struct slice word)
{
    if (slice_equal_nocase(word, SLICE_LITERAL("OFF")))
        return UNANSWERED;
    return slice_equal_nocase(word, SLICE_LITERAL("SKIP")) ? NEXT_UNANSWERED : ANSWERED;
}

bool redis_batch_argument(struct redis_batch *batch, const struct redis_listener *listener,
                          const struct resp_argument *argument, uint64_t began_ns)
{
    if (argument->index == 0)
        return begin_command(batch, listener, argument, began_ns);
    batch->arguments++;
    if (is_bracket(batch, batch->kind))
        return true;
    redis_text_argument(&batch->text, listener->redact, argument);
    if (argument->index == 1) {
        const struct redis_command *with_sub = batch->text.command;
        batch->kind = with_sub ? with_sub->kind : REDIS_PLAIN;
        batch->selected = batch->kind == REDIS_SELECT ? index_of(argument->bytes) : -1;
    } else if (argument->index == 2 && batch->kind == REDIS_CLIENT_REPLY) {
        batch->reply_word = reply_word_of(argument->bytes);
    }
    return true;
}

/* ---- answers to come ---- */

/* How many the command will have. */
static uint32_t await_answers(struct redis_batch *batch)
{
    if (batch->kind == REDIS_CLIENT_REPLY) {
        if (batch->reply_word != NEXT_UNANSWERED || batch->replies != UNANSWERED)
            batch->replies = batch->reply_word;
        return batch->replies == ANSWERED;
    }
    if (batch->replies == NEXT_UNANSWERED) {
        batch->replies = ANSWERED;
        return 0;
    }
    if (batch->replies == UNANSWERED)
        return 0;
    bool each = batch->kind == REDIS_SUBSCRIBE && !batch->is_transaction && batch->arguments;
    return each ? batch->arguments : 1;
}

static bool is_special(const struct redis_batch *batch)
{
    if (batch->is_transaction && batch->kind == REDIS_SUBSCRIBE)
        return false;
    return batch->kind >= REDIS_SELECT && batch->kind != REDIS_DISCARD &&
           batch->kind != REDIS_CLIENT_REPLY && !(batch->is_transaction && batch->selected >= 0);
}

/* Where it can't be remembered what an answer means, it must not matter; nor where it has come. */
static bool remember(struct redis_batch *batch, uint32_t answers)
{
    bool selects = batch->kind == REDIS_SELECT || batch->kind == REDIS_RESET;
    int32_t database = batch->kind == REDIS_EXEC ? batch->queued_database : batch->selected;
    if (batch->kind == REDIS_RESET)
        database = 0;
    bool has_come = is_answered(batch, batch->awaited + 1);
    if (!answers || has_come || batch->special_count == REDIS_SPECIALS_MOST) {
        if (selects || database >= 0)
            batch->database = -1;
        return !answers || (batch->kind != REDIS_SUBSCRIBE && batch->kind != REDIS_MONITOR);
    }
    batch->specials[batch->special_count++] = (struct redis_special){
        .first = batch->awaited + 1,
        .last = batch->awaited + answers,
        .database = database,
        .kind = batch->kind,
    };
    return true;
}

bool redis_batch_end_command(struct redis_batch *batch, const struct redis_listener *listener,
                             uint64_t now_ns)
{
    if (!is_bracket(batch, batch->kind))
        redis_text_end_command(&batch->text);
    uint32_t answers = await_answers(batch);
    if (batch->is_transaction && batch->selected >= 0)
        batch->queued_database = batch->selected;
    if (is_special(batch) && !remember(batch, answers))
        return false;
    batch->awaited += answers;
    if (!batch->is_open) { /* its group ended with an answer that came while it was written */
        batch->has_span = false;
        await_group(batch);
        end_answered(batch, listener, now_ns);
    }
    bool ends =
        batch->kind == REDIS_EXEC || batch->kind == REDIS_DISCARD || batch->kind == REDIS_RESET;
    if (batch->is_transaction && ends)
        close_group(batch, listener, now_ns);
    return true;
}

void redis_batch_end_write(struct redis_batch *batch, const struct redis_listener *listener,
                           uint64_t now_ns)
{
    if (!batch->is_transaction)
        close_group(batch, listener, now_ns);
}

/* A command that was cut off will not be answered. */
void redis_batch_end(struct redis_batch *batch, const struct redis_listener *listener,
                     uint64_t now_ns, bool amid)
{
    batch->awaited += amid;
    close_group(batch, listener, now_ns);
}

/* ---- answers ---- */

static const struct redis_special *next_special(const struct redis_batch *batch)
{
    bool is_next =
        batch->special_count && (int32_t)(batch->answered + 1 - batch->specials[0].first) >= 0;
    return is_next ? batch->specials : NULL;
}

/* MOVED and ASK send the client elsewhere, and with it a transaction. */
static void take_error(struct redis_batch *batch, const struct resp_reply *reply)
{
    if (slice_equal(reply->error, SLICE_LITERAL("MOVED")) ||
        slice_equal(reply->error, SLICE_LITERAL("ASK"))) {
        batch->redirected = true;
        return;
    }
    if (batch->redirected && slice_equal(reply->error, SLICE_LITERAL("EXECABORT")))
        return;
    if (batch->failed)
        return;
    batch->failed = true;
    batch->error_length = (uint8_t)reply->error.length;
    memcpy(batch->error, reply->error.at, reply->error.length);
}

static void take_answers(struct redis_batch *batch, const struct redis_listener *listener,
                         uint32_t count, uint64_t now_ns)
{
    batch->answered += count;
    while (batch->special_count && is_answered(batch, batch->specials[0].last)) {
        batch->special_count--;
        memmove(batch->specials, batch->specials + 1,
                batch->special_count * sizeof *batch->specials);
    }
    end_answered(batch, listener, now_ns);
}

/* Does the command belong to the group that is being written? */
static bool is_in_group(const struct redis_batch *batch, const struct redis_special *special)
{
    unsigned count = batch->waiting_count;
    return batch->is_open && (!count || (int32_t)(special->first - batch->waiting[count - 1]) > 0);
}

/* What the answer to a special command changes. False: what follows is not understood. */
static bool apply(struct redis_batch *batch, const struct redis_listener *listener,
                  const struct redis_special *special, const struct resp_reply *reply,
                  uint64_t now_ns)
{
    bool done = !reply->failed && !reply->is_null;
    if (special->kind == REDIS_EXEC && reply->has_error && special->database >= 0)
        batch->database = -1;
    else if (done && special->database >= 0)
        batch->database = special->database;
    if (done && special->kind == REDIS_RESET)
        batch->subscribed = 0;
    if (reply->failed && special->kind == REDIS_MULTI && is_in_group(batch, special))
        close_group(batch, listener, now_ns); /* there is no transaction, nor will be an EXEC */
    return special->kind != REDIS_MONITOR;
}

/* ---- subscriptions ---- */

/* `subscribe`, `punsubscribe`: what it confirms, 0 if it is another word. */
static uint8_t confirms(struct slice word)
{
    if (!slice_ends(word, SLICE_LITERAL("subscribe")))
        return 0;
    size_t length = word.length - (sizeof "subscribe" - 1);
    struct slice prefix = {word.at, length};
    if (slice_equal(prefix, SLICE_LITERAL("s")) || slice_equal(prefix, SLICE_LITERAL("sun")))
        return SHARDS;
    bool known = !length || slice_equal(prefix, SLICE_LITERAL("p")) ||
                 slice_equal(prefix, SLICE_LITERAL("un")) ||
                 slice_equal(prefix, SLICE_LITERAL("pun"));
    return known ? CHANNELS : 0;
}

static bool is_message(struct slice word)
{
    return slice_equal(word, SLICE_LITERAL("message")) ||
           slice_equal(word, SLICE_LITERAL("pmessage")) ||
           slice_equal(word, SLICE_LITERAL("smessage"));
}

/* A message, or a confirmation. RESP2 has no type of its own for them, and they come between
 * replies. */
static bool is_published(const struct redis_batch *batch, const struct resp_reply *reply)
{
    if (reply->is_push)
        return true;
    const struct redis_special *special = next_special(batch);
    bool awaited = special && special->kind == REDIS_SUBSCRIBE;
    if (batch->has_pushes || (!batch->subscribed && !awaited))
        return false;
    return confirms(reply->first) || (batch->subscribed && is_message(reply->first));
}

static void take_published(struct redis_batch *batch, const struct redis_listener *listener,
                           const struct resp_reply *reply, uint64_t now_ns)
{
    uint8_t what = confirms(reply->first);
    const struct redis_special *special = next_special(batch);
    batch->has_pushes |= reply->is_push;
    if (!what)
        return;
    if (reply->third > 0)
        batch->subscribed |= what;
    else
        batch->subscribed &= (uint8_t)~what;
    if (special && special->kind == REDIS_SUBSCRIBE)
        take_answers(batch, listener, 1, now_ns);
}

bool redis_batch_reply(struct redis_batch *batch, const struct redis_listener *listener,
                       const struct resp_reply *reply, uint64_t now_ns)
{
    if (is_published(batch, reply)) {
        take_published(batch, listener, reply, now_ns);
        return true;
    }
    if (is_answered(batch, batch->awaited + REDIS_EARLY_MOST))
        return false; /* nobody asked */
    const struct redis_special *special = next_special(batch);
    bool whole = special && special->kind == REDIS_SUBSCRIBE; /* refused: it has no other answer */
    uint32_t count = whole ? special->last - batch->answered : 1;
    if (reply->failed || (special && special->kind == REDIS_EXEC && reply->has_error))
        take_error(batch, reply);
    bool goes_on = !special || apply(batch, listener, special, reply, now_ns);
    take_answers(batch, listener, count, now_ns);
    return goes_on;
}
