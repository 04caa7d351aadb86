// SPDX-License-Identifier: Apache-2.0
/* What clients and servers write, byte by byte, and what each byte means. */
#include "tests/unit/observe/observe_model.h"

#include <stdio.h>
#include <string.h>

const char *const model_methods[] = {"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"};
enum { METHOD_HEAD = 3, METHOD_CONNECT = 5, METHODS };

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
        return write_bytes(stream, filler, length, CELL_PAYLOAD | CELL_ANYTHING | CELL_BODY,
                           request);
    bool written = true;
    for (unsigned left = length; left && written;) {
        char size[16];
        unsigned chunk = left < 100 ? left : 100;
        snprintf(size, sizeof size, left & 1 ? "%x\r\n" : "%X;a=b\r\n", chunk);
        written = write_bytes(stream, size, strlen(size), CELL_BODY, request) &&
                  write_bytes(stream, filler, chunk, CELL_PAYLOAD | CELL_BODY, request) &&
                  write_bytes(stream, "\r\n", 2, CELL_BODY, request);
        left -= chunk;
    }
    const char *last = length & 2 ? "0\r\nT: x\r\n\r\n" : "0\r\n\r\n";
    return written && write_bytes(stream, last, strlen(last), CELL_BODY, request);
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
             choice[3] & 4 && talk->role == ROLE_SERVER ? "\r\n" : "",
             model_methods[request->method], number, choice[3] & 8 ? "?token=hidden" : "", number,
             (int)length, fields);
    size_t before = talk->in.written;
    if (!write_text(&talk->in, head, number))
        return false;
    mark_last(&talk->in, CELL_BEGAN);
    if (!write_body(&talk->in, request->framing, request->declared_bytes, number)) {
        talk->in.written = before;
        return false;
    }
    model->request_count++;
    happened[HAPPENED_asked_with_a_length] += request->framing == FRAMING_LENGTH;
    happened[HAPPENED_asked_in_chunks] += request->framing == FRAMING_CHUNKED;
    happened[HAPPENED_asked_with_a_parent] += request->has_parent;
    happened[HAPPENED_asked_unsampled] += !request->sampled;
    return true;
}

static bool has_no_body(const struct request *request)
{
    return request->method == METHOD_HEAD || request->status == 204 || request->status == 304;
}

static void note_answer(const struct request *request, bool tunnel, bool continued)
{
    bool connect = request->method == METHOD_CONNECT;
    happened[HAPPENED_answered_head] += request->method == METHOD_HEAD;
    happened[HAPPENED_answered_204] += request->status == 204;
    happened[HAPPENED_answered_304] += request->status == 304;
    happened[HAPPENED_answered_404] += request->status == 404;
    happened[HAPPENED_answered_5xx] += request->status >= 500;
    happened[HAPPENED_answered_100] += continued;
    happened[HAPPENED_answered_in_chunks] += request->answer_framing == FRAMING_CHUNKED;
    happened[HAPPENED_answered_until_close] += request->answer_framing == FRAMING_CLOSE;
    happened[HAPPENED_upgraded] += tunnel && !connect;
    happened[HAPPENED_connect_accepted] += tunnel && connect;
    happened[HAPPENED_connect_refused] += !tunnel && connect;
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
    note_answer(request, tunnel, choice[1] & 4);
    talk->answered = request->answer_framing == FRAMING_CLOSE ? MODEL_REQUESTS : talk->answered + 1;
    return true;
}
