// SPDX-License-Identifier: Apache-2.0
/* http-parser, the parser that node had for ten years, as Debian packages it: built without
 * HTTP_PARSER_STRICT. It is asked to pause at the end of each head and message, because only
 * then does it say where it stands. */
#include "reading.h"

#include <http_parser.h>

struct reader {
    const struct stream *stream;
    struct reading *reading;
    size_t answered;
    bool in_body;
    bool head_over;    /* the pause is at the last byte of a head */
    bool message_over; /* the pause is behind a message */
};

static struct reader *reader_of(http_parser *parser)
{
    return parser->data;
}

static struct message *current(http_parser *parser)
{
    struct reader *reader = reader_of(parser);
    return &reader->reading->messages[reader->reading->count - (reader->in_body ? 1 : 0)];
}

static int message_begun(http_parser *parser)
{
    *current(parser) = (struct message){.body_hash = READING_HASH};
    return 0;
}

static int target_read(http_parser *parser, const char *at, size_t length)
{
    struct slice *target = &current(parser)->target;
    if (target->at == NULL)
        target->at = at;
    target->length = (size_t)(at + length - target->at);
    return 0;
}

static enum http1_framing framing_of(const http_parser *parser, bool until_close)
{
    if (parser->flags & F_CHUNKED)
        return HTTP1_CHUNKED;
    if (parser->flags & F_CONTENTLENGTH && parser->content_length != UINT64_MAX)
        return HTTP1_LENGTH;
    return until_close ? HTTP1_UNTIL_CLOSE : HTTP1_NONE;
}

/* Returns what the parser is to take the body for: 0 what it thinks, 1 none, 2 none and the rest
 * of the stream is another protocol. */
static int read_response_head(http_parser *parser, struct message *message)
{
    struct reader *reader = reader_of(parser);
    enum http1_method method = reader->stream->methods[reader->answered];
    unsigned status = parser->status_code;
    message->status = status;
    reader->answered += status / 100 == 1 && status != 101 ? 0 : 1;
    if (method == HTTP1_METHOD_CONNECT && status / 100 == 2) {
        message->framing = HTTP1_TUNNEL;
        return 2;
    }
    if (parser->upgrade) {
        message->framing = HTTP1_TUNNEL;
        return 2;
    }
    if (method == HTTP1_METHOD_HEAD)
        return 1;
    if (status / 100 != 1 && status != 204 && status != 304)
        message->framing = (uint8_t)framing_of(parser, true);
    return 0;
}

static int head_read(http_parser *parser)
{
    struct reader *reader = reader_of(parser);
    struct message *message = current(parser);
    int body = 0;
    message->major = parser->http_major;
    message->minor = parser->http_minor;
    if (reader->stream->responses) {
        body = read_response_head(parser, message);
    } else {
        const char *method = http_method_str((enum http_method)parser->method);
        message->method = (struct slice){method, strlen(method)};
        message->framing = (uint8_t)framing_of(parser, false);
    }
    message->upgrade = parser->upgrade || body == 2;
    reader->reading->count++;
    reader->in_body = true;
    reader->head_over = true;
    http_parser_pause(parser, 1);
    return body;
}

static int body_read(http_parser *parser, const char *at, size_t length)
{
    struct message *message = current(parser);
    message->body_bytes += length;
    message->body_hash = reading_hash(message->body_hash, (struct slice){at, length});
    return 0;
}

static int message_read(http_parser *parser)
{
    current(parser)->keeps_alive = http_should_keep_alive(parser) != 0;
    reader_of(parser)->message_over = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_message_begin = message_begun,
    .on_url = target_read,
    .on_headers_complete = head_read,
    .on_body = body_read,
    .on_message_complete = message_read,
};

static void stop(struct reader *reader, http_parser *parser, size_t at, enum message_state state)
{
    reader->reading->error = http_errno_name(HTTP_PARSER_ERRNO(parser));
    reader->reading->end = reader->in_body            ? READING_STOPPED
                           : state == MESSAGE_REFUSED ? READING_REFUSED
                                                      : READING_CUT;
    if (!reader->in_body)
        return;
    current(parser)->state = (uint8_t)state;
    current(parser)->end = at;
    current(parser)->keeps_alive = http_should_keep_alive(parser) != 0;
}

/* Notes where the parser paused. Returns false where the reading is over. */
static bool go_on(struct reader *reader, http_parser *parser, size_t at)
{
    if (reader->head_over)
        current(parser)->head_end = at + 1; /* it stands on the line feed */
    reader->head_over = false;
    if (reader->message_over) {
        reader->message_over = false;
        current(parser)->end = at;
        bool tunnel = reader->stream->responses
                          ? current(parser)->framing == HTTP1_TUNNEL
                          : slice_equal(current(parser)->method, SLICE_LITERAL("CONNECT"));
        reader->in_body = false;
        if (tunnel || reader->reading->count == READING_MOST) {
            reader->reading->end = tunnel ? READING_TUNNEL : READING_STOPPED;
            return false;
        }
    }
    http_parser_pause(parser, 0);
    return true;
}

/* Feeds one piece. Returns false where the reading is over. */
static bool feed(struct reader *reader, http_parser *parser, size_t at, size_t until)
{
    while (at < until) {
        at += http_parser_execute(parser, &settings, reader->stream->bytes + at, until - at);
        if (HTTP_PARSER_ERRNO(parser) == HPE_PAUSED) {
            if (!go_on(reader, parser, at))
                return false;
        } else if (HTTP_PARSER_ERRNO(parser) != HPE_OK) {
            stop(reader, parser, at, MESSAGE_REFUSED);
            return false;
        }
    }
    return true;
}

void reading_by_http_parser(const struct stream *stream, enum pieces pieces,
                            struct reading *reading)
{
    struct reader reader = {.stream = stream, .reading = reading};
    http_parser parser;
    uint64_t state = 0;
    http_parser_init(&parser, stream->responses ? HTTP_RESPONSE : HTTP_REQUEST);
    parser.data = &reader;
    reading->count = 0;
    reading->end = READING_ALL;
    reading->error = "";
    for (size_t at = 0, until; at < stream->length; at = until) {
        until = at + reading_piece(stream, pieces, at, &state);
        if (!feed(&reader, &parser, at, until))
            return;
    }
    (void)http_parser_execute(&parser, &settings, NULL, 0);
    if (reader.message_over)
        (void)go_on(&reader, &parser, stream->length);
    else if (HTTP_PARSER_ERRNO(&parser) != HPE_OK)
        stop(&reader, &parser, stream->length, MESSAGE_CUT);
}
