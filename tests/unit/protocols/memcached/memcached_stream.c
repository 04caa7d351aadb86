// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/protocols/memcached/memcached_stream.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3))) static void tell(struct memcached_told *told,
                                                       const char *format, ...)
{
    va_list list;
    va_start(list, format);
    size_t room = sizeof told->at - told->length;
    int length = vsnprintf(told->at + told->length, room, format, list);
    va_end(list);
    if (length > 0)
        told->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void empty(struct memcached_told *told)
{
    told->length = 0;
    told->at[0] = 0;
}

static void part(struct memcached_told *told)
{
    if (told->length)
        tell(told, " ");
}

static void tell_word(struct memcached_told *told, const struct memcached_words *words)
{
    struct slice word = memcached_word(words);
    part(told);
    for (size_t i = 0; i < word.length; i++) {
        unsigned char c = (unsigned char)word.at[i];
        tell(told, c > ' ' && c < 0x7f ? "%c" : "\\x%02x", c);
    }
    tell(told, "%s", memcached_word_is_cut(words) ? "+" : "");
}

static void tell_request(struct memcached_told *told, enum memcached_event event,
                         const struct memcached_requests *requests)
{
    if (event == MEMCACHED_WORD)
        tell_word(told, &requests->words);
    else if (event == MEMCACHED_LINE)
        tell(told, ".%s%s%s", requests->is_silent ? "n" : "", requests->is_quiet ? "q" : "",
             requests->tag.known ? "#" : "");
    else if (event == MEMCACHED_OVER)
        tell(told, ";");
}

static void tell_answer(struct memcached_told *told, const struct memcached_answer *answer)
{
    static const char *const kinds[] = {"part", "classic", "noop", "error"};
    part(told);
    tell(told, "%s", answer->kind < MEMCACHED_VA ? kinds[answer->kind] : "meta");
    if (answer->kind == MEMCACHED_ERROR)
        tell(told, " %.*s", (int)answer->error.length, answer->error.at);
    if (answer->values)
        tell(told, " x%u", answer->values);
    tell(told, "%s;", answer->tag.known ? "#" : "");
}

struct reader {
    bool answers;
    struct memcached_requests requests;
    struct memcached_answers of_answers;
};

/* False: lost. */
static bool read_piece(struct reader *reader, struct slice piece, struct memcached_told *told)
{
    for (;;) {
        enum memcached_event event = reader->answers
                                         ? memcached_read_answers(&reader->of_answers, &piece)
                                         : memcached_read_requests(&reader->requests, &piece);
        if (event == MEMCACHED_MORE)
            return true;
        if (event == MEMCACHED_LOST) {
            part(told);
            tell(told, "lost");
            return false;
        }
        struct memcached_answer answer = memcached_answer(&reader->of_answers);
        if (event == MEMCACHED_ANSWER)
            tell_answer(told, &answer);
        else
            tell_request(told, event, &reader->requests);
    }
}

void memcached_stream_tell(struct slice bytes, bool answers, struct memcached_pieces pieces,
                           const struct guarded *memory, struct memcached_told *told)
{
    struct reader reader = {.answers = answers};
    empty(told);
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

static void expect(struct memcached_spans *spans, bool holds, const char *rule)
{
    if (!holds && !spans->broken)
        spans->broken = rule;
}

static bool begin(void *context, uint64_t start_ns)
{
    struct memcached_spans *spans = context;
    if (spans->begun == MEMCACHED_SPANS ||
        (spans->refuse_from && spans->begun >= spans->refuse_from))
        return false;
    expect(spans, !spans->begun || spans->spans[spans->begun - 1].asked,
           "a span begins before the one before it is described");
    spans->spans[spans->begun++] = (struct memcached_span){.begin = start_ns};
    return true;
}

static void missed(void *context)
{
    struct memcached_spans *spans = context;
    spans->missed++;
}

static void asked(void *context, const struct memcached_asked *asked)
{
    struct memcached_spans *spans = context;
    expect(spans, spans->begun > 0, "no span to describe");
    if (!spans->begun)
        return;
    struct memcached_span *span = &spans->spans[spans->begun - 1];
    expect(spans, !span->asked, "a span is described twice");
    expect(spans, asked->size > 0 && asked->operation.length > 0, "a span is of no command");
    span->asked = true;
    char size[16] = "";
    if (asked->size > 1)
        snprintf(size, sizeof size, " x%u", asked->size);
    snprintf(span->what, sizeof span->what, "%.*s \"%.*s\"%s%s%s", (int)asked->operation.length,
             asked->operation.at, (int)asked->text.length, asked->text.at, size,
             asked->is_session ? " session" : "", asked->hidden ? " hidden" : "");
}

static void answered(void *context, const struct memcached_answered *answered, uint64_t end_ns)
{
    struct memcached_spans *spans = context;
    expect(spans, spans->ended < spans->begun, "no span to end");
    if (spans->ended == spans->begun)
        return;
    struct memcached_span *span = &spans->spans[spans->ended++];
    expect(spans, span->asked, "a span ends before it is described");
    expect(spans, end_ns >= span->begin, "a span ends before it begins");
    span->ended = true;
    span->end = end_ns;
    span->answered = *answered;
}

struct memcached_listener memcached_spans_listener(struct memcached_spans *spans)
{
    return (struct memcached_listener){spans, NULL, begin, missed, asked, answered};
}

void memcached_spans_tell(const struct memcached_spans *spans, struct memcached_told *told)
{
    empty(told);
    for (size_t i = 0; i < spans->begun; i++) {
        const struct memcached_span *span = &spans->spans[i];
        tell(told, "%s%s %llu-", i ? " / " : "", span->asked ? span->what : "?",
             (unsigned long long)span->begin);
        if (!span->ended) {
            tell(told, "open");
            continue;
        }
        tell(told, "%llu", (unsigned long long)span->end);
        if (span->answered.failed)
            tell(told, " error %.*s", (int)span->answered.error.length, span->answered.error.at);
        if (span->answered.values >= 0)
            tell(told, " values=%lld", (long long)span->answered.values);
    }
}
