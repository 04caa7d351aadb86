// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/protocols/http1/http1_stream.h"

#include <stdarg.h>
#include <stdio.h>

#include "agent/protocols/http/http1_telemetry.h"

struct reader {
    const struct http1_stream *stream;
    const struct guarded *memory;
    struct http1_text *text;
    const char *methods;
    size_t head_start; /* offset in the stream; the head being gathered */
    size_t scanned;
    bool in_body;
    bool ended; /* bad, or a tunnel: the rest is not looked at */
    bool keeps_alive;
    bool interim;
    struct http1_body body;
};

__attribute__((format(printf, 2, 3))) static void say(struct http1_text *text, const char *format,
                                                      ...)
{
    size_t room = sizeof text->at - text->length;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text->at + text->length, room, format, arguments);
    va_end(arguments);
    text->length += (size_t)n < room ? (size_t)n : room - 1;
}

static void say_bytes(struct http1_text *text, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char c = (unsigned char)bytes.at[i];
        if (c == '\r')
            say(text, "\\r");
        else if (c == '\n')
            say(text, "\\n");
        else if (c == '\t')
            say(text, "\\t");
        else if (c < ' ' || c > '~' || c == '\\')
            say(text, "\\x%02x", c);
        else
            say(text, "%c", c);
    }
}

static void hold(struct http1_text *text, bool true_or_broken, const char *what)
{
    if (!true_or_broken && text->broken == NULL)
        text->broken = what;
}

static bool lies_within(struct slice part, struct slice whole)
{
    return part.at >= whole.at && part.at + part.length <= whole.at + whole.length;
}

static bool slice_same(struct slice a, struct slice b)
{
    return a.at == b.at && a.length == b.length;
}

/* Says all fields, and checks the table against them. */
static void say_fields(struct http1_text *text, const struct http1_fields *fields,
                       struct slice head)
{
    struct slice first[HTTP1_FIELD_COUNT] = {SLICE_NONE};
    uint32_t repeated = 0;
    struct slice lines = fields->lines;
    struct slice name;
    struct slice value;
    const char *comma = "";

    hold(text, lies_within(lines, head), "field lines lie within the head");
    say(text, " {");
    for (; http1_next_field(&lines, &name, &value); comma = ", ") {
        hold(text, lies_within(name, head) && lies_within(value, head),
             "fields lie within the head");
        say(text, "%s", comma);
        say_bytes(text, name);
        say(text, "=");
        say_bytes(text, value);
        for (unsigned i = 0; i < HTTP1_FIELD_COUNT; i++) {
            if (!slice_equal_nocase(name, http1_field_names[i]))
                continue;
            repeated |= first[i].at == NULL ? 0 : 1U << i;
            first[i] = first[i].at == NULL ? value : first[i];
        }
    }
    say(text, "}");
    hold(text, repeated == fields->repeated, "repeated fields are those that occur twice");
    for (unsigned i = 0; i < HTTP1_FIELD_COUNT; i++)
        hold(text, slice_same(first[i], http1_field(fields, (enum http1_field)i)),
             "the table's value is the first line's");
}

static void say_body(struct reader *reader, const char *how)
{
    static const char *const names[] = {"none", "length", "chunked", "until-close", "tunnel"};
    const struct http1_body *body = &reader->body;
    bool alive = reader->keeps_alive && body->framing != HTTP1_UNTIL_CLOSE;

    say(reader->text, " %s", names[body->framing]);
    if (body->framing != HTTP1_NONE && body->framing != HTTP1_TUNNEL)
        say(reader->text, ":%llu", (unsigned long long)body->seen_bytes);
    say(reader->text, "%s%s%s%s\n", alive ? " keep" : " close",
        body->length_overridden ? " overridden" : "", reader->interim ? " interim" : "", how);
}

/* The body is at its end, or the stream is. */
static void finish_message(struct reader *reader, size_t next)
{
    reader->in_body = false;
    reader->head_start = next;
    reader->scanned = 0;
    if (reader->body.state == HTTP1_BODY_BAD) {
        say_body(reader, " bad");
        reader->ended = true;
        return;
    }
    say_body(reader, "");
    if (reader->body.framing == HTTP1_TUNNEL) {
        reader->ended = true;
        if (next < reader->stream->bytes.length)
            say(reader->text, "rest %zu\n", reader->stream->bytes.length - next);
    }
}

static enum http1_method next_method(struct reader *reader)
{
    switch (*reader->methods) {
    case 'H':
        return HTTP1_METHOD_HEAD;
    case 'C':
        return HTTP1_METHOD_CONNECT;
    default:
        return HTTP1_METHOD_OTHER;
    }
}

static enum parse parse_request(struct reader *reader, struct slice bytes, size_t *length)
{
    struct http1_request request;
    enum parse result = http1_parse_request(bytes, HTTP1_WANT_ALL, &request);
    enum parse detected = http1_detect_request(bytes);
    struct http1_text *text = reader->text;

    hold(text, result != PARSE_BAD || detected == PARSE_BAD, "what is BAD is not detected");
    if (result != PARSE_OK)
        return result;
    hold(text, detected == PARSE_OK, "what is OK is detected");
    *length = request.head_length;
    struct slice head = {bytes.at, *length};
    hold(text, lies_within(request.method, head) && lies_within(request.target, head),
         "method and target lie within the head");
    say_bytes(text, request.method);
    say(text, " ");
    say_bytes(text, request.target);
    say(text, " 1.%u", request.minor);
    say_fields(text, &request.fields, head);
    if (http1_telemetry(&request))
        say(text, " telemetry %d", http1_telemetry(&request));
    http1_body_of_request(&reader->body, &request);
    reader->keeps_alive = http1_keeps_alive(request.minor, &request.fields);
    return PARSE_OK;
}

static enum parse parse_response(struct reader *reader, struct slice bytes, size_t *length)
{
    struct http1_response response;
    enum parse result = http1_parse_response(bytes, HTTP1_WANT_ALL, &response);
    enum parse detected = http1_detect_response(bytes);
    struct http1_text *text = reader->text;

    hold(text, result == PARSE_BAD || detected != PARSE_BAD, "what is not BAD may be detected");
    if (result != PARSE_OK)
        return result;
    hold(text, detected == PARSE_OK, "what is OK is detected");
    *length = response.head_length;
    struct slice head = {bytes.at, *length};
    hold(text, lies_within(response.reason, head), "the reason lies within the head");
    say(text, "%u \"", response.status);
    say_bytes(text, response.reason);
    say(text, "\" 1.%u", response.minor);
    say_fields(text, &response.fields, head);
    http1_body_of_response(&reader->body, &response, next_method(reader));
    reader->keeps_alive = http1_keeps_alive(response.minor, &response.fields);
    reader->interim = http1_is_interim(&response);
    if (!reader->interim && *reader->methods != '\0')
        reader->methods++;
    return PARSE_OK;
}

/* With the stream's bytes there up to `until`. Returns the offset of the next byte to look at. */
static size_t read_head(struct reader *reader, size_t until)
{
    struct slice gathered = {reader->stream->bytes.at + reader->head_start,
                             until - reader->head_start};
    struct slice bytes = guarded_copy(reader->memory, gathered);
    size_t parsed_length = 0;
    size_t found_length = 0;
    enum parse parsed = reader->stream->responses ? parse_response(reader, bytes, &parsed_length)
                                                  : parse_request(reader, bytes, &parsed_length);
    enum parse found = http1_find_head(bytes, &reader->scanned, &found_length);

    if (parsed == PARSE_BAD) {
        say(reader->text, "bad head\n");
        reader->ended = true;
        return until;
    }
    hold(reader->text, parsed == found, "find_head and parse agree");
    hold(reader->text, parsed_length == found_length, "find_head and parse agree on the length");
    if (parsed == PARSE_MORE)
        return until;
    hold(reader->text, parsed_length > 0 && parsed_length <= bytes.length, "a head has bytes");
    reader->in_body = true;
    return reader->head_start + parsed_length;
}

static size_t read_body(struct reader *reader, size_t at, size_t until)
{
    struct slice piece = {reader->stream->bytes.at + at, until - at};
    size_t used = http1_body_feed(&reader->body, guarded_copy(reader->memory, piece));
    hold(reader->text, used <= piece.length, "no more is used than was given");
    hold(reader->text, used == piece.length || reader->body.state != HTTP1_BODY_MORE,
         "all is used that is given to a body not at its end");
    return at + used;
}

static void read_piece(struct reader *reader, size_t at, size_t until)
{
    while (!reader->ended && at < until) {
        at = reader->in_body ? read_body(reader, at, until) : read_head(reader, until);
        if (reader->in_body && reader->body.state != HTTP1_BODY_MORE)
            finish_message(reader, at);
    }
}

static void end_stream(struct reader *reader)
{
    size_t length = reader->stream->bytes.length;
    if (reader->ended)
        return;
    if (!reader->in_body) {
        if (reader->head_start < length)
            say(reader->text, "cut head %zu\n", length - reader->head_start);
        return;
    }
    http1_body_end_of_stream(&reader->body);
    say_body(reader, reader->body.state == HTTP1_BODY_BAD ? " cut" : "");
}

void http1_stream_read(const struct http1_stream *stream, struct http1_pieces pieces,
                       const struct guarded *memory, struct http1_text *text)
{
    struct reader reader = {
        .stream = stream, .memory = memory, .text = text, .methods = stream->methods};
    text->at[0] = '\0';
    text->length = 0;
    text->broken = NULL;
    size_t step = pieces.first;
    for (size_t at = 0; at < stream->bytes.length; at += step, step = pieces.rest) {
        if (step == 0 || step > stream->bytes.length - at)
            step = stream->bytes.length - at;
        read_piece(&reader, at, at + step);
        if (step == 0)
            break;
    }
    end_stream(&reader);
}
