// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/observe_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/connection.h"

static const char *const methods[] = {"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"};
enum { METHOD_HEAD = 3, METHOD_CONNECT = 5, METHODS };

void model_reset(struct model *model)
{
    model->request_count = model->talk_count = 0;
    model->chaos = model->reported = model->unreported = model->overflowed = 0;
    for (int i = 0; i < MODEL_FDS; i++)
        model->talk_of[i] = MODEL_NOBODY;
    for (int i = 0; i < MODEL_THREADS; i++)
        model->threads[i] = (struct thread_model){MODEL_NOBODY, MODEL_NOBODY, -1, -1};
}

/* ---- descriptors ---- */

struct talk *model_talk(struct model *model, int fd)
{
    return model->talk_of[fd] == MODEL_NOBODY ? NULL : &model->talks[model->talk_of[fd]];
}

bool model_open(struct model *model, int fd, enum role role, int thread)
{
    if (model->talk_count == MODEL_TALKS)
        return false;
    model_close(model, fd);
    struct talk *talk = &model->talks[model->talk_count];
    model->talk_of[fd] = model->talk_count++;
    talk->role = role;
    talk->references = 1;
    talk->lost = talk->tunnel = talk->ended = talk->stale = talk->guessed = talk->wrote =
        talk->perhaps_tunnel = false;
    talk->owner = role == ROLE_CLIENT ? model->threads[thread].owner : MODEL_NOBODY;
    talk->sender = MODEL_NOBODY;
    talk->in.written = talk->in.moved = talk->out.written = talk->out.moved = 0;
    talk->first = talk->last = talk->answered = 0;
    return true;
}

void model_share(struct model *model, int from, int to)
{
    int talk = model->talk_of[from];
    if (from == to)
        return;
    if (talk != MODEL_NOBODY)
        model->talks[talk].references++;
    model_close(model, to);
    model->talk_of[to] = talk;
}

static struct request *front(struct model *model, const struct talk *talk)
{
    return talk->first < talk->last ? &model->requests[talk->pending[talk->first]] : NULL;
}

static void end_front(struct model *model, struct talk *talk, enum fate fate)
{
    struct request *request = front(model, talk);
    request->fate = request->sampled ? fate : FATE_NONE;
    talk->first++;
    if (talk->answered < talk->first)
        talk->answered = talk->first;
}

static bool lasts_until_close(struct model *model, struct talk *talk)
{
    const struct request *request = front(model, talk);
    return request && request->answered && request->answer_framing == FRAMING_CLOSE;
}

/* The last descriptor has gone and nobody sends. */
static void over(struct model *model, struct talk *talk)
{
    if (!talk->lost && !talk->stale && lasts_until_close(model, talk))
        end_front(model, talk, FATE_DONE);
    while (front(model, talk))
        end_front(model, talk,
                  talk->lost ? (talk->stale || talk->perhaps_tunnel ? FATE_MAYBE : FATE_LOST)
                             : (talk->stale ? FATE_NONE : FATE_ABORTED));
}

void model_close(struct model *model, int fd)
{
    struct talk *talk = model_talk(model, fd);
    model->talk_of[fd] = MODEL_NOBODY;
    if (talk && --talk->references == 0 && talk->sender == MODEL_NOBODY)
        over(model, talk);
}

void model_forked(struct model *model)
{
    model->reported = model->unreported = model->chaos = model->overflowed = 0;
    for (int i = 0; i < model->talk_count; i++) {
        model->talks[i].stale = true;
        model->chaos += model->talks[i].lost; /* the agent may only notice now */
    }
}

void model_lose(struct model *model, struct talk *talk)
{
    if (talk->lost || talk->tunnel)
        return;
    talk->lost = true;
    model->chaos++;
    for (int i = talk->first; i < talk->last; i++)
        if (talk->stale)
            model->requests[talk->pending[i]].fate = FATE_MAYBE;
    /* A head or a body may have been cut in two. */
    for (size_t i = talk->in.moved; i < talk->in.written; i++)
        if (talk->in.cells[i].marks & CELL_BEGAN) {
            model->requests[talk->in.cells[i].request].torn = true;
            return;
        }
}

/* ---- texts ---- */

static bool write_bytes(struct stream *stream, const char *bytes, size_t length, uint8_t marks,
                        int request)
{
    if (stream->written + length > MODEL_CELLS)
        return false;
    for (size_t i = 0; i < length; i++)
        stream->cells[stream->written++] = (struct cell){bytes[i], marks, (int16_t)request};
    return true;
}

static bool write_text(struct stream *stream, const char *text, int request)
{
    return write_bytes(stream, text, strlen(text), 0, request);
}

static void mark_last(struct stream *stream, uint8_t marks)
{
    stream->cells[stream->written - 1].marks |= marks;
}

static bool write_body(struct stream *stream, enum framing framing, unsigned length, int request)
{
    static const char filler[1024] = "some of it looks like a head:\r\n\r\nGET /x HTTP/1.1\r\n\r\n";
    if (framing == FRAMING_NONE)
        return true;
    if (framing != FRAMING_CHUNKED)
        return write_bytes(stream, filler, length, CELL_PAYLOAD | CELL_ANYTHING, request);
    bool written = true;
    for (unsigned left = length; left && written;) {
        char size[16];
        unsigned chunk = left < 100 ? left : 100;
        snprintf(size, sizeof size, left & 1 ? "%x\r\n" : "%X;a=b\r\n", chunk);
        written = write_text(stream, size, request) &&
                  write_bytes(stream, filler, chunk, CELL_PAYLOAD, request) &&
                  write_text(stream, "\r\n", request);
        left -= chunk;
    }
    return written && write_text(stream, length & 2 ? "0\r\nT: x\r\n\r\n" : "0\r\n\r\n", request);
}

static void parent_of(int number, uint8_t trace_id[16], uint8_t span_id[8])
{
    memset(trace_id, 0xa0, 16);
    memset(span_id, 0xb0, 8);
    trace_id[14] = span_id[6] = (uint8_t)((number + 1) >> 8);
    trace_id[15] = span_id[7] = (uint8_t)(number + 1);
}

static size_t format_fields(const struct request *request, int number, char *into, size_t room)
{
    size_t length = 0;
    if (request->has_parent)
        length += (size_t)snprintf(into, room,
                                   "traceparent: 00-a0a0a0a0a0a0a0a0a0a0a0a0a0a0%04x-"
                                   "b0b0b0b0b0b0%04x-%02x\r\n",
                                   number + 1, number + 1, request->sampled);
    if (request->carries)
        length += (size_t)snprintf(into + length, room - length,
                                   "tracestate: m=r%d\r\nbaggage: r=%d\r\n", number, number);
    if (request->framing == FRAMING_LENGTH)
        length += (size_t)snprintf(into + length, room - length, "Content-Length: %u\r\n",
                                   request->declared_bytes);
    if (request->framing == FRAMING_CHUNKED)
        length += (size_t)snprintf(into + length, room - length, "Transfer-Encoding: chunked\r\n");
    return length;
}

bool model_ask(struct model *model, struct talk *talk, const uint8_t choice[4])
{
    static const enum framing framings[] = {FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED,
                                            FRAMING_NONE};
    if (model->request_count == MODEL_REQUESTS || talk->tunnel)
        return false;
    int number = model->request_count;
    struct request *request = &model->requests[number];
    *request = (struct request){
        .method = choice[0] % METHODS,
        .framing = framings[choice[1] & 3],
        .has_parent = choice[1] & 4,
        .carries = choice[1] & 8,
        .sampled = (choice[1] & 0x70) != 0x70 || !(choice[1] & 4),
        .declared_bytes = choice[2] * (choice[3] & 3),
        .talk = (int)(talk - model->talks),
    };
    if (request->method == METHOD_CONNECT || request->declared_bytes == 0)
        request->framing = FRAMING_NONE;
    char fields[512];
    size_t length = format_fields(request, number, fields, sizeof fields);
    char head[768];
    snprintf(head, sizeof head, "%s%s /r/%d%s HTTP/1.1\r\nHost: h%d\r\n%.*s\r\n",
             choice[3] & 4 && talk->role == ROLE_SERVER ? "\r\n" : "", methods[request->method],
             number, choice[3] & 8 ? "?token=hidden" : "", number, (int)length, fields);
    size_t before = talk->in.written;
    if (!write_text(&talk->in, head, number))
        return false;
    mark_last(&talk->in, CELL_BEGAN);
    if (!write_body(&talk->in, request->framing, request->declared_bytes, number)) {
        talk->in.written = before;
        return false;
    }
    model->request_count++;
    return true;
}

static bool has_no_body(const struct request *request)
{
    return request->method == METHOD_HEAD || request->status == 204 || request->status == 304;
}

bool model_answer(struct model *model, struct talk *talk, const uint8_t choice[4])
{
    static const uint16_t statuses[] = {200, 200, 201, 204, 304, 404, 500, 503, 302, 200, 101};
    static const enum framing framings[] = {FRAMING_LENGTH, FRAMING_LENGTH, FRAMING_CHUNKED,
                                            FRAMING_CLOSE};
    if (talk->answered >= talk->last || talk->ended || talk->tunnel)
        return false;
    int number = talk->pending[talk->answered];
    struct request *request = &model->requests[number];
    request->status = statuses[choice[0] % (sizeof statuses / sizeof *statuses)];
    bool tunnel =
        request->status == 101 || (request->method == METHOD_CONNECT && request->status / 100 == 2);
    request->answer_framing = framings[choice[1] & 3];
    unsigned length = choice[2] * (choice[3] & 3u);
    char head[256];
    snprintf(head, sizeof head, "%sHTTP/1.1 %u Some Words\r\nServer: s\r\n",
             choice[1] & 4 ? "HTTP/1.1 100 Continue\r\n\r\n" : "", request->status);
    size_t used = strlen(head);
    if (tunnel || has_no_body(request))
        request->answer_framing = FRAMING_NONE;
    if (request->answer_framing == FRAMING_LENGTH)
        used += (size_t)snprintf(head + used, sizeof head - used, "Content-Length: %u\r\n", length);
    if (request->answer_framing == FRAMING_CHUNKED)
        used += (size_t)snprintf(head + used, sizeof head - used, "Transfer-Encoding: chunked\r\n");
    snprintf(head + used, sizeof head - used, "\r\n");

    size_t before = talk->out.written;
    if (!write_text(&talk->out, head, number))
        return false;
    mark_last(&talk->out, CELL_BEGAN | (tunnel ? CELL_TUNNEL : 0));
    if (!write_body(&talk->out, request->answer_framing, length, number)) {
        talk->out.written = before;
        return false;
    }
    if (request->answer_framing != FRAMING_CLOSE)
        mark_last(&talk->out, CELL_OVER);
    talk->answered = request->answer_framing == FRAMING_CLOSE ? MODEL_REQUESTS : talk->answered + 1;
    return true;
}

/* ---- bytes ---- */

static void set_owner(struct model *model, int thread, struct talk *talk)
{
    struct thread_model *mine = &model->threads[thread];
    const struct request *request = front(model, talk);
    mine->owner = request ? talk->pending[talk->first] : MODEL_NOBODY;
    mine->talk = (int)(talk - model->talks);
}

static void request_began(struct model *model, struct talk *talk, int thread, int number,
                          int reads_from)
{
    struct request *request = &model->requests[number];
    struct thread_model *mine = &model->threads[thread];
    if (talk->tunnel) { /* it only looks like one */
        request->fate = FATE_NONE;
        return;
    }
    if (talk->last - talk->first >= CONNECTION_PIPELINE && !talk->lost) {
        model_lose(model, talk);
        model->overflowed++;
        request->fate = FATE_MAYBE;
        return;
    }
    request->fate = talk->lost ? FATE_MAYBE : FATE_OPEN;
    if (talk->lost)
        return;
    if (request->framing == FRAMING_LENGTH)
        request->request_bytes = request->declared_bytes;
    request->along = talk->last > reads_from;
    talk->pending[talk->last++] = (int16_t)number;
    mine->loop = mine->waited;
}

/* Whom a thread works for that has read on from the request at `reads_from` of those pending. */
static void read_on(struct model *model, struct talk *talk, int thread, int reads_from)
{
    struct thread_model *mine = &model->threads[thread];
    bool loops = mine->waited != -1;
    bool only = talk->last - talk->first == 1;
    bool half_a_head = talk->last == reads_from;
    if (talk->first == talk->last || talk->tunnel)
        mine->owner = MODEL_NOBODY;
    else if (talk->first >= reads_from ? only || !loops
                                       : half_a_head && mine->owner == talk->pending[talk->first])
        set_owner(model, thread, talk);
    else
        mine->owner = MODEL_NOBODY;
}

static void touch(struct talk *talk)
{
    if (!talk->lost && !talk->tunnel)
        talk->stale = false;
}

void model_received(struct model *model, struct talk *talk, int thread, size_t count)
{
    if (talk->role == ROLE_UNKNOWN)
        talk->role = ROLE_SERVER;
    touch(talk);
    if (talk->role == ROLE_CLIENT) {
        model->threads[thread].owner = talk->owner;
        model->threads[thread].talk = MODEL_NOBODY;
        return;
    }
    const struct cell *first = &talk->in.cells[talk->in.moved];
    bool in_body = count && model->requests[first->request].fate != FATE_UNBORN;
    int reads_from = talk->last - in_body;
    for (size_t i = 0; i < count; i++) {
        const struct cell *cell = &talk->in.cells[talk->in.moved++];
        struct request *request = &model->requests[cell->request];
        if (cell->marks & CELL_BEGAN)
            request_began(model, talk, thread, cell->request, reads_from);
        if (cell->marks & CELL_PAYLOAD && request->framing == FRAMING_CHUNKED &&
            request->fate == FATE_OPEN)
            request->request_bytes++;
    }
    read_on(model, talk, thread, reads_from);
}

void model_sending(struct model *model, struct talk *talk, int thread)
{
    if (talk->role == ROLE_UNKNOWN) {
        talk->role = ROLE_CLIENT;
        talk->guessed = true;
    }
    if (talk->role != ROLE_CLIENT)
        return;
    if (talk->wrote || talk->owner == MODEL_NOBODY)
        talk->owner = model->threads[thread].owner;
    talk->wrote = true;
}

static void response_over(struct model *model, struct talk *talk, int thread)
{
    struct thread_model *mine = &model->threads[thread];
    bool own = mine->owner == talk->pending[talk->first] &&
               front(model, talk)->answer_framing != FRAMING_CLOSE && !talk->tunnel;
    end_front(model, talk, FATE_DONE);
    if (own && front(model, talk) && front(model, talk)->along)
        set_owner(model, thread, talk);
}

/* Who answers another request than its own works for nobody known. */
static void note_answerer(struct model *model, const struct talk *talk, int thread)
{
    struct thread_model *mine = &model->threads[thread];
    if (mine->owner != talk->pending[talk->first])
        mine->owner = MODEL_NOBODY;
}

void model_sent(struct model *model, struct talk *talk, int thread, size_t count)
{
    if (count)
        touch(talk);
    if (talk->role == ROLE_CLIENT)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct cell *cell = &talk->out.cells[talk->out.moved++];
        struct request *request = &model->requests[cell->request];
        talk->perhaps_tunnel |= talk->lost && cell->marks & CELL_TUNNEL;
        if (talk->lost || talk->tunnel)
            continue;
        if (cell->marks & CELL_BEGAN)
            request->answered = true;
        if (cell->marks & (CELL_BEGAN | CELL_OVER))
            note_answerer(model, talk, thread);
        if (cell->marks & CELL_PAYLOAD)
            request->response_bytes++;
        talk->tunnel = cell->marks & CELL_TUNNEL;
        if (cell->marks & CELL_OVER)
            response_over(model, talk, thread);
        while (talk->tunnel && front(model, talk)) /* what looked like one was the tunnel's */
            end_front(model, talk, FATE_NONE);
    }
}

void model_send_left(struct model *model, struct talk *talk)
{
    talk->sender = MODEL_NOBODY;
    if (talk->references == 0)
        over(model, talk);
}

void model_shut_down(struct model *model, struct talk *talk, int thread)
{
    talk->ended = true;
    if (talk->role == ROLE_SERVER && !talk->lost && !talk->tunnel && lasts_until_close(model, talk))
        response_over(model, talk, thread);
}

void model_waited(struct model *model, int thread, int epfd)
{
    struct thread_model *mine = &model->threads[thread];
    mine->waited = epfd;
    if (mine->loop == epfd)
        mine->owner = MODEL_NOBODY;
}

/* ---- what came out ---- */

static bool text_is(struct slice found, const char *expected)
{
    return found.at && slice_equal(found, slice_of(expected));
}

static int64_t integer(const struct span_record *record, enum attribute attribute)
{
    int64_t value = -1;
    span_find_integer(record, attribute, &value);
    return value;
}

static const char *check_origin(struct request *request, int number,
                                const struct span_record *record)
{
    uint8_t trace_id[16] = {0};
    uint8_t span_id[8] = {0};
    if (request->has_parent)
        parent_of(number, trace_id, span_id);
    if (memcmp(record->parent_id, span_id, sizeof span_id) != 0)
        return "another parent";
    if (request->has_parent && memcmp(record->trace_id, trace_id, sizeof trace_id) != 0)
        return "another trace";
    if (request->known && memcmp(record->span_id, request->span_id, sizeof span_id) != 0)
        return "threads were given another span id for it";
    return NULL;
}

static const char *check_words(const struct request *request, const struct span_record *record)
{
    struct slice error = span_find_string(record, ATTRIBUTE_ERROR_TYPE);
    int64_t status = integer(record, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE);
    int64_t request_bytes = integer(record, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE);
    if (request_bytes != (request->request_bytes ? (int64_t)request->request_bytes : -1))
        return "another size of the request's body";
    if (status != (request->answered ? request->status : -1))
        return "another status";
    if (request->answered &&
        integer(record, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE) != (int64_t)request->response_bytes)
        return "another size of the response's body";
    if (request->fate == FATE_ABORTED)
        return text_is(error, "connection_aborted") ? NULL : "not told as aborted";
    if ((error.at != NULL) != (request->status >= 500))
        return "an error where there was none, or none where there was one";
    return NULL;
}

static struct request *find(struct model *model, const struct span_record *record, int *number)
{
    struct slice path = span_find_string(record, ATTRIBUTE_URL_PATH);
    char text[16] = "";
    if (!path.at || path.length < 4 || path.length >= sizeof text || memcmp(path.at, "/r/", 3) != 0)
        return NULL;
    memcpy(text, path.at + 3, path.length - 3);
    char *end;
    *number = (int)strtol(text, &end, 10);
    return *end || *number >= model->request_count ? NULL : &model->requests[*number];
}

const char *model_check_span(struct model *model, const struct span_record *record)
{
    int number = 0;
    struct request *request = find(model, record, &number);
    struct slice path = span_find_string(record, ATTRIBUTE_URL_PATH);
    model->reported++;
    if (!request)
        return path.at && memchr(path.at, '~', path.length) && model->chaos ? NULL
                                                                            : "a span of nothing";
    if (request->reported)
        return "a request's second span";
    request->reported = true;
    if (request->fate == FATE_UNBORN || request->fate == FATE_NONE)
        return "a span that should not be";
    if (record->kind != SPAN_KIND_SERVER || record->end_ns < record->start_ns)
        return "no server span, or ended before it began";
    if (request->torn)
        return NULL;
    if (!text_is(span_find_string(record, ATTRIBUTE_HTTP_REQUEST_METHOD), methods[request->method]))
        return "another method";
    if (memmem(record, record->length, "hidden", 6))
        return "a secret";
    const char *wrong = check_origin(request, number, record);
    if (wrong || request->fate == FATE_LOST || request->fate == FATE_MAYBE)
        return wrong;
    if (request->fate == FATE_OPEN) {
        for (int i = 0; i < model->talk_count; i++)
            if (model->talks[i].lost)
                return NULL;
        return "a span of a request that has not ended";
    }
    return check_words(request, record);
}

const char *model_check_context(struct model *model, int thread, const struct context *context,
                                int expected, bool surely)
{
    struct thread_model *mine = &model->threads[thread];
    if (!span_context_present(&context->span)) {
        mine->owner = MODEL_NOBODY;
        return surely && expected != MODEL_NOBODY ? "a thread that works for nobody" : NULL;
    }
    mine->owner = expected;
    if (expected == MODEL_NOBODY)
        return "a thread that should work for nobody";
    struct request *request = &model->requests[expected];
    uint8_t trace_id[16];
    uint8_t span_id[8];
    parent_of(expected, trace_id, span_id);
    if (request->has_parent && !request->torn &&
        memcmp(context->span.trace_id, trace_id, sizeof trace_id) != 0)
        return "a thread in another trace";
    if (!request->known)
        memcpy(request->span_id, context->span.span_id, sizeof span_id);
    request->known = true;
    return memcmp(request->span_id, context->span.span_id, sizeof span_id) == 0
               ? NULL
               : "a thread that works for another request";
}

const char *model_check_end(const struct model *model, uint64_t dropped)
{
    uint64_t missing = 0;
    for (int i = 0; i < model->request_count; i++) {
        const struct request *request = &model->requests[i];
        bool due = request->fate == FATE_DONE || request->fate == FATE_ABORTED ||
                   request->fate == FATE_LOST;
        if (request->fate == FATE_OPEN)
            return "a request that never ended"; /* the model's fault */
        missing += due && !request->reported && !request->torn;
    }
    return missing <= dropped ? NULL : "a request without a span";
}
