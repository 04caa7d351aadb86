// SPDX-License-Identifier: Apache-2.0
#include "reading.h"

size_t reading_piece(const struct stream *stream, enum pieces pieces, size_t at, uint64_t *state)
{
    size_t left = stream->length - at;
    size_t wanted = left;
    if (*state == 0)
        *state = stream->cuts;
    if (pieces == PIECES_BYTES)
        wanted = 1;
    else if (pieces == PIECES_RANDOM)
        wanted = 1 + reading_random(state) % (reading_random(state) % 2 ? 8 : 120);
    return wanted < left ? wanted : left;
}

struct reader {
    const struct stream *stream;
    struct reading *reading;
    size_t head_start;
    size_t scanned;
    size_t answered; /* requests, by responses that were no interim ones */
    bool in_body;
    bool ended;
    struct http1_body body;
};

static struct message *latest(struct reader *reader)
{
    return &reader->reading->messages[reader->reading->count - 1];
}

static void end_reading(struct reader *reader, enum reading_end end)
{
    reader->reading->end = end;
    reader->ended = true;
}

static bool asks_for_upgrade(const struct http1_request *request)
{
    return http1_method(request->method) == HTTP1_METHOD_CONNECT ||
           (http1_has_field(&request->fields, HTTP1_FIELD_UPGRADE) &&
            http1_lists(&request->fields, HTTP1_FIELD_CONNECTION, SLICE_LITERAL("upgrade")));
}

static enum parse parse_request(struct reader *reader, struct slice bytes, struct message *message)
{
    struct http1_request request;
    enum parse parsed = http1_parse_request(bytes, HTTP1_WANT_ALL, &request);
    if (parsed != PARSE_OK)
        return parsed;
    http1_body_of_request(&reader->body, &request);
    message->method = request.method;
    message->target = request.target;
    message->minor = request.minor;
    message->head_end = reader->head_start + request.head_length;
    message->keeps_alive = http1_keeps_alive(request.minor, &request.fields);
    message->upgrade = asks_for_upgrade(&request);
    return PARSE_OK;
}

static enum parse parse_response(struct reader *reader, struct slice bytes, struct message *message)
{
    struct http1_response response;
    enum parse parsed = http1_parse_response(bytes, HTTP1_WANT_ALL, &response);
    if (parsed != PARSE_OK)
        return parsed;
    http1_body_of_response(&reader->body, &response, reader->stream->methods[reader->answered]);
    reader->answered += http1_is_interim(&response) ? 0 : 1;
    message->status = response.status;
    message->minor = response.minor;
    message->head_end = reader->head_start + response.head_length;
    message->keeps_alive = http1_keeps_alive(response.minor, &response.fields) &&
                           reader->body.framing != HTTP1_UNTIL_CLOSE;
    message->upgrade = reader->body.framing == HTTP1_TUNNEL;
    return PARSE_OK;
}

static size_t read_head(struct reader *reader, size_t until)
{
    struct slice bytes = {reader->stream->bytes + reader->head_start, until - reader->head_start};
    size_t length;
    /* A head in pieces is gathered first, as stream.c does. */
    if (http1_find_head(bytes, &reader->scanned, &length) != PARSE_OK) {
        if ((reader->stream->responses ? http1_detect_response(bytes)
                                       : http1_detect_request(bytes)) == PARSE_BAD)
            end_reading(reader, READING_REFUSED);
        return until;
    }
    struct message *message = &reader->reading->messages[reader->reading->count];
    *message = (struct message){.major = 1, .body_hash = READING_HASH};
    bytes.length = length;
    enum parse parsed = reader->stream->responses ? parse_response(reader, bytes, message)
                                                  : parse_request(reader, bytes, message);
    if (parsed != PARSE_OK) {
        end_reading(reader, READING_REFUSED);
        return until;
    }
    message->framing = reader->body.framing;
    reader->reading->count++;
    reader->in_body = true;
    return message->head_end;
}

/* The agent counts a body's bytes and keeps none, so which they were is found by feeding them to
 * a copy one by one. */
static void hash_body(struct message *message, struct http1_body body, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        uint64_t before = body.seen_bytes;
        struct slice byte = {bytes.at + i, 1};
        (void)http1_body_feed(&body, byte);
        if (body.seen_bytes != before)
            message->body_hash = reading_hash(message->body_hash, byte);
    }
}

static size_t read_body(struct reader *reader, size_t at, size_t until)
{
    struct slice bytes = {reader->stream->bytes + at, until - at};
    struct http1_body before = reader->body;
    bytes.length = http1_body_feed(&reader->body, bytes);
    hash_body(latest(reader), before, bytes);
    return at + bytes.length;
}

static void finish_message(struct reader *reader, size_t at)
{
    struct message *message = latest(reader);
    message->body_bytes = reader->body.seen_bytes;
    message->end = at;
    reader->in_body = false;
    reader->head_start = at;
    reader->scanned = 0;
    if (reader->body.state == HTTP1_BODY_BAD) {
        message->state = MESSAGE_REFUSED;
        end_reading(reader, READING_STOPPED);
    } else if (reader->body.framing == HTTP1_TUNNEL) {
        end_reading(reader, READING_TUNNEL);
    } else if (reader->reading->count == READING_MOST) {
        end_reading(reader, READING_STOPPED);
    }
}

static void end_of_stream(struct reader *reader)
{
    size_t length = reader->stream->length;
    if (reader->ended)
        return;
    if (reader->in_body) {
        http1_body_end_of_stream(&reader->body);
        bool cut = reader->body.state == HTTP1_BODY_BAD;
        reader->body.state = HTTP1_BODY_DONE;
        finish_message(reader, length);
        if (cut)
            latest(reader)->state = MESSAGE_CUT;
        reader->reading->end = cut ? READING_STOPPED : READING_ALL;
        return;
    }
    reader->reading->end = READING_ALL;
    for (size_t i = reader->head_start; i < length; i++)
        if (strchr("\r\n", reader->stream->bytes[i]) == NULL || reader->stream->bytes[i] == '\0')
            reader->reading->end = READING_CUT;
}

void reading_by_agent(const struct stream *stream, enum pieces pieces, struct reading *reading)
{
    struct reader reader = {.stream = stream, .reading = reading};
    uint64_t state = 0;
    reading->count = 0;
    reading->error = "";
    for (size_t at = 0, until = 0; at < stream->length && !reader.ended; at = until) {
        until = at + reading_piece(stream, pieces, at, &state);
        while (at < until && !reader.ended) {
            at = reader.in_body ? read_body(&reader, at, until) : read_head(&reader, until);
            if (reader.in_body && reader.body.state != HTTP1_BODY_MORE)
                finish_message(&reader, at);
        }
    }
    end_of_stream(&reader);
}
