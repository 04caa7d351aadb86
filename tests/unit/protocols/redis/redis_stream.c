// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/protocols/redis/redis_stream.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3))) static void tell(struct redis_told *told, const char *format,
                                                       ...)
{
    va_list list;
    va_start(list, format);
    size_t room = sizeof told->at - told->length;
    int length = vsnprintf(told->at + told->length, room, format, list);
    va_end(list);
    if (length > 0)
        told->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void tell_bytes(struct redis_told *told, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char c = (unsigned char)bytes.at[i];
        tell(told, c > ' ' && c < 0x7f ? "%c" : "\\x%02x", c);
    }
}

static void part(struct redis_told *told)
{
    if (told->length)
        tell(told, " ");
}

static void tell_argument(struct redis_told *told, const struct resp_commands *commands)
{
    struct resp_argument argument = resp_argument(commands);
    part(told);
    tell_bytes(told, argument.bytes);
    tell(told, "%s", argument.cut ? "+" : "");
}

static void tell_reply(struct redis_told *told, const struct resp_replies *replies)
{
    struct resp_reply reply = resp_reply(replies);
    const char *kind = reply.is_push   ? "push"
                       : reply.failed  ? "error"
                       : reply.is_null ? "null"
                                       : "reply";
    part(told);
    tell(told, "%s", kind);
    if (reply.failed && reply.error.length)
        tell(told, " %.*s", (int)reply.error.length, reply.error.at);
    else if (reply.has_error && !reply.failed)
        tell(told, " has %.*s", (int)reply.error.length, reply.error.at);
    if (reply.first.length) {
        tell(told, " first=");
        tell_bytes(told, reply.first);
    }
    if (reply.third >= 0)
        tell(told, " third=%lld", (long long)reply.third);
    tell(told, ";");
}

struct reader {
    bool replies;
    struct resp_commands commands;
    struct resp_replies of_replies;
};

/* False: lost. */
static bool read_piece(struct reader *reader, struct slice piece, struct redis_told *told)
{
    for (;;) {
        enum resp_event event = reader->replies ? resp_read_replies(&reader->of_replies, &piece)
                                                : resp_read_commands(&reader->commands, &piece);
        if (event == RESP_MORE)
            return true;
        if (event == RESP_LOST) {
            part(told);
            tell(told, "lost");
            return false;
        }
        if (event == RESP_BEGIN)
            continue;
        if (event == RESP_ARGUMENT)
            tell_argument(told, &reader->commands);
        else if (event == RESP_COMMAND)
            tell(told, ".");
        else
            tell_reply(told, &reader->of_replies);
    }
}

void redis_stream_tell(struct slice bytes, bool replies, struct redis_pieces pieces,
                       const struct guarded *memory, struct redis_told *told)
{
    struct reader reader = {.replies = replies};
    told->length = 0;
    told->at[0] = 0;
    size_t size = pieces.first;
    while (bytes.length) {
        if (!size || size > bytes.length)
            size = bytes.length;
        struct slice piece = guarded_copy(memory, (struct slice){bytes.at, size});
        if (!read_piece(&reader, piece, told))
            return;
        bytes = slice_after(bytes, size);
        size = pieces.rest;
    }
}

/* ---- spans ---- */

static void expect(struct redis_spans *spans, bool holds, const char *rule)
{
    if (!holds && !spans->broken)
        spans->broken = rule;
}

static bool begin(void *context, uint64_t start_ns)
{
    struct redis_spans *spans = context;
    if (spans->begun == REDIS_SPANS || (spans->refuse_from && spans->begun >= spans->refuse_from))
        return false;
    expect(spans, !spans->begun || spans->spans[spans->begun - 1].asked,
           "a span begins before the one before it is described");
    spans->spans[spans->begun++] = (struct redis_span){.begin = start_ns};
    return true;
}

static void missed(void *context)
{
    ((struct redis_spans *)context)->missed++;
}

static void asked(void *context, const struct redis_asked *asked)
{
    struct redis_spans *spans = context;
    expect(spans, spans->begun > 0, "no span to describe");
    if (!spans->begun)
        return;
    struct redis_span *span = &spans->spans[spans->begun - 1];
    expect(spans, !span->asked, "a span is described twice");
    span->asked = true;
    char size[16] = "";
    if (asked->size > 1)
        snprintf(size, sizeof size, " x%u", asked->size);
    snprintf(span->what, sizeof span->what, "%.*s \"%.*s\"%s%s%s", (int)asked->operation.length,
             asked->operation.at, (int)asked->text.length, asked->text.at, size,
             asked->is_session ? " session" : "", asked->hidden ? " hidden" : "");
}

static void answered(void *context, const struct redis_answered *answered, uint64_t end_ns)
{
    struct redis_spans *spans = context;
    expect(spans, spans->ended < spans->begun, "no span to end");
    if (spans->ended == spans->begun)
        return;
    struct redis_span *span = &spans->spans[spans->ended++];
    expect(spans, span->asked, "a span ends before it is described");
    expect(spans, end_ns >= span->begin, "a span ends before it begins");
    span->ended = true;
    span->end = end_ns;
    span->answered = *answered;
    if (answered->error.length)
        memcpy(span->error, answered->error.at, answered->error.length);
    span->answered.error.at = span->error;
}

struct redis_listener redis_spans_listener(struct redis_spans *spans)
{
    return (struct redis_listener){spans, NULL, begin, missed, asked, answered};
}

void redis_spans_tell(const struct redis_spans *spans, struct redis_told *told)
{
    told->length = 0;
    told->at[0] = 0;
    for (size_t i = 0; i < spans->begun; i++) {
        const struct redis_span *span = &spans->spans[i];
        tell(told, "%s%s %llu-", i ? " / " : "", span->asked ? span->what : "?",
             (unsigned long long)span->begin);
        if (!span->ended) {
            tell(told, "open");
            continue;
        }
        tell(told, "%llu", (unsigned long long)span->end);
        if (span->answered.failed)
            tell(told, " error %.*s", (int)span->answered.error.length, span->error);
        if (span->answered.database)
            tell(told, " db=%d", span->answered.database);
    }
}
