// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http1/http1_body.h"

_Static_assert(sizeof(struct http1_body) <= 48, "a connection holds two of them");

/* chunked-body = *chunk last-chunk trailer-section CRLF (RFC 9112, 7.1). The size's digits gather
 * in `remaining`. */
enum chunk_step {
    CHUNK_SIZE_FIRST, /* the first digit of a size */
    CHUNK_SIZE,       /* further digits, an extension, or the line's end */
    CHUNK_EXTENSION,  /* up to the line's end */
    CHUNK_SIZE_LF,    /* CR seen */
    CHUNK_DATA,
    CHUNK_DATA_END, /* CR or LF behind the data */
    CHUNK_DATA_LF,
    CHUNK_TRAILER, /* the first byte of a trailer line, or of the empty line */
    CHUNK_TRAILER_LF,
    CHUNK_TRAILER_LINE, /* up to LF */
    CHUNK_TRAILER_LINE_LF,
};

static void settle(struct http1_body *body, enum http1_framing framing, enum http1_body_state state)
{
    body->framing = (uint8_t)framing;
    body->state = (uint8_t)state;
}

/* 1*DIGIT below 2^63; a sign, a space or nothing at all is no length (RFC 9110, 8.6). */
static bool parse_length(struct slice digits, uint64_t *length)
{
    uint64_t value = 0;
    if (digits.length == 0)
        return false;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9' || value > (INT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(digits.at[i] - '0');
    }
    *length = value;
    return true;
}

/* All lines of a field, one element after the other. */
struct elements {
    enum http1_field field;
    bool several_lines;
    struct slice lines; /* not looked at yet */
    struct slice list;  /* the rest of this line's value */
};

static struct elements elements_of(const struct http1_fields *fields, enum http1_field field)
{
    bool several = (fields->repeated >> field & 1U) != 0;
    return (struct elements){field, several, fields->lines,
                             several ? SLICE_NONE : http1_field(fields, field)};
}

static bool next_element(struct elements *elements, struct slice *element)
{
    while (!http1_next_element(&elements->list, element))
        if (!elements->several_lines ||
            !http1_next_value(&elements->lines, elements->field, &elements->list))
            return false;
    return true;
}

/* Equal lengths, in one list or several lines, are one (RFC 9110, 8.6). */
static bool read_content_length(const struct http1_fields *fields, uint64_t *length)
{
    struct elements elements = elements_of(fields, HTTP1_FIELD_CONTENT_LENGTH);
    struct slice element;
    if (!elements.several_lines && parse_length(elements.list, length))
        return true; /* as nearly all are */
    for (bool first = true; next_element(&elements, &element); first = false) {
        uint64_t value;
        if (!parse_length(element, &value) || (!first && value != *length))
            return false;
        *length = value;
    }
    return true;
}

enum coding { CODING_NONE, CODING_CHUNKED_LAST, CODING_OTHER_LAST, CODING_UNCLEAR };

/* Only the last coding frames the message. A lone "identity", which RFC 2616 had and some programs
 * still send, counts for nothing. Neither do empty elements in a response; some programs miss the
 * chunked beside them, so a request with one is unclear. */
static enum coding read_transfer_encoding(const struct http1_fields *fields, bool own)
{
    struct elements elements = elements_of(fields, HTTP1_FIELD_TRANSFER_ENCODING);
    struct slice element;
    enum coding coding = CODING_NONE;
    while (next_element(&elements, &element)) {
        if (element.length == 0 && own)
            continue;
        if (element.length == 0)
            return CODING_UNCLEAR;
        if (slice_equal_nocase(element, SLICE_LITERAL("chunked")))
            coding = CODING_CHUNKED_LAST;
        else if (coding != CODING_NONE || !slice_equal_nocase(element, SLICE_LITERAL("identity")))
            coding = CODING_OTHER_LAST;
    }
    return coding;
}

/* RFC 9112, 6.3, rules 4 to 8: what a message without either field has is `otherwise`, and a
 * request whose last coding is not chunked has no end that could be told. */
__attribute__((noinline)) static void frame_other(struct http1_body *body,
                                                  const struct http1_fields *fields,
                                                  enum http1_framing otherwise)
{
    bool has_length = http1_has_field(fields, HTTP1_FIELD_CONTENT_LENGTH);
    bool has_coding = http1_has_field(fields, HTTP1_FIELD_TRANSFER_ENCODING);
    enum coding coding = has_coding ? read_transfer_encoding(fields, body->own) : CODING_NONE;
    if (coding == CODING_UNCLEAR || (!body->own && fields->doubts != 0)) {
        settle(body, HTTP1_NONE, HTTP1_BODY_BAD);
        return;
    }
    if (coding != CODING_NONE) {
        body->length_overridden = has_length;
        if (coding == CODING_CHUNKED_LAST)
            settle(body, HTTP1_CHUNKED, HTTP1_BODY_MORE);
        else
            settle(body, otherwise,
                   otherwise == HTTP1_UNTIL_CLOSE ? HTTP1_BODY_MORE : HTTP1_BODY_BAD);
        return;
    }
    if (has_length) {
        bool told = read_content_length(fields, &body->remaining);
        enum http1_body_state state = body->remaining == 0 ? HTTP1_BODY_DONE : HTTP1_BODY_MORE;
        settle(body, HTTP1_LENGTH, told ? state : HTTP1_BODY_BAD);
        return;
    }
    settle(body, otherwise, otherwise == HTTP1_UNTIL_CLOSE ? HTTP1_BODY_MORE : HTTP1_BODY_DONE);
}

/* The same. Nearly all messages have neither field, or one line of a length. */
static inline void frame(struct http1_body *body, const struct http1_fields *fields,
                         enum http1_framing otherwise)
{
    const uint32_t length_bit = 1U << HTTP1_FIELD_CONTENT_LENGTH;
    const uint32_t coding_bit = 1U << HTTP1_FIELD_TRANSFER_ENCODING;
    uint32_t present = fields->present & (length_bit | coding_bit);
    bool clear = body->own || !fields->doubts;
    if (clear && !present)
        settle(body, otherwise, otherwise == HTTP1_UNTIL_CLOSE ? HTTP1_BODY_MORE : HTTP1_BODY_DONE);
    else if (clear && present == length_bit && !(fields->repeated & length_bit) &&
             parse_length(fields->value[HTTP1_FIELD_CONTENT_LENGTH], &body->remaining))
        settle(body, HTTP1_LENGTH, body->remaining ? HTTP1_BODY_MORE : HTTP1_BODY_DONE);
    else
        frame_other(body, fields, otherwise);
}

void http1_body_of_request(struct http1_body *body, const struct http1_request *request)
{
    *body = (struct http1_body){0};
    frame(body, &request->fields, HTTP1_NONE);
}

void http1_body_of_own_request(struct http1_body *body, const struct http1_request *request)
{
    *body = (struct http1_body){.own = true};
    frame(body, &request->fields, HTTP1_NONE);
}

static void frame_response(struct http1_body *body, const struct http1_response *response,
                           enum http1_method request_method)
{
    unsigned status = response->status;
    if (status == 101 || (request_method == HTTP1_METHOD_CONNECT && status >= 200 && status < 300))
        settle(body, HTTP1_TUNNEL, HTTP1_BODY_DONE);
    else if (request_method == HTTP1_METHOD_HEAD || status < 200 || status == 204 || status == 304)
        settle(body, HTTP1_NONE, HTTP1_BODY_DONE);
    else
        frame(body, &response->fields, HTTP1_UNTIL_CLOSE);
}

void http1_body_of_response(struct http1_body *body, const struct http1_response *response,
                            enum http1_method request_method)
{
    *body = (struct http1_body){.own = true};
    frame_response(body, response, request_method);
}

void http1_body_of_foreign_response(struct http1_body *body, const struct http1_response *response,
                                    enum http1_method request_method)
{
    *body = (struct http1_body){0};
    frame_response(body, response, request_method);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = slice_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind the digits of a size. */
static enum chunk_step after_size(char c, uint64_t size)
{
    switch (c) {
    case '\r':
        return CHUNK_SIZE_LF;
    case '\n':
        return size == 0 ? CHUNK_TRAILER : CHUNK_DATA;
    default:
        return CHUNK_EXTENSION;
    }
}

/* One byte of chunk framing. A CR without LF is refused wherever it stands, and in requests a LF
 * without CR behind an extension or behind data: programs that accept those go on at different
 * bytes (one reads an extension up to CR, another skips two bytes behind data unlooked). */
static void step_chunk(struct http1_body *body, char c)
{
    int digit;
    switch ((enum chunk_step)body->chunk_step) {
    case CHUNK_SIZE_FIRST:
    case CHUNK_SIZE:
        digit = hex_value(c);
        if (digit >= 0 && body->remaining <= INT64_MAX >> 4) {
            body->remaining = body->remaining << 4 | (uint64_t)digit;
            body->chunk_step = CHUNK_SIZE;
            return;
        }
        if (body->chunk_step == CHUNK_SIZE && strchr("\r\n\t ;", c) != NULL && c != '\0') {
            body->chunk_step = (uint8_t)after_size(c, body->remaining);
            return;
        }
        break;
    case CHUNK_SIZE_LF:
        if (c != '\n')
            break;
        body->chunk_step = (uint8_t)after_size(c, body->remaining);
        return;
    case CHUNK_EXTENSION:
        if (c == '\n' && !body->own)
            break;
        if (c == '\r' || c == '\n')
            body->chunk_step = (uint8_t)after_size(c, body->remaining);
        return;
    case CHUNK_DATA_END:
    case CHUNK_DATA_LF:
        if (c == '\r' && body->chunk_step == CHUNK_DATA_END)
            body->chunk_step = CHUNK_DATA_LF;
        else if (c == '\n' && (body->own || body->chunk_step == CHUNK_DATA_LF))
            body->chunk_step = CHUNK_SIZE_FIRST;
        else
            break;
        return;
    case CHUNK_TRAILER:
        if (c == '\r')
            body->chunk_step = CHUNK_TRAILER_LF;
        else if (c == '\n')
            body->state = HTTP1_BODY_DONE;
        else
            body->chunk_step = CHUNK_TRAILER_LINE;
        return;
    case CHUNK_TRAILER_LF:
        if (c != '\n')
            break;
        body->state = HTTP1_BODY_DONE;
        return;
    case CHUNK_TRAILER_LINE:
        if (c == '\r')
            body->chunk_step = CHUNK_TRAILER_LINE_LF;
        else if (c == '\n')
            body->chunk_step = CHUNK_TRAILER;
        return;
    case CHUNK_TRAILER_LINE_LF:
        if (c != '\n')
            break;
        body->chunk_step = CHUNK_TRAILER;
        return;
    case CHUNK_DATA:
        break;
    }
    body->state = HTTP1_BODY_BAD;
}

/* n bytes of data, at most what remains of the chunk or the body. */
static void pass_data(struct http1_body *body, uint64_t n)
{
    body->seen_bytes += n;
    if (body->framing == HTTP1_UNTIL_CLOSE)
        return;
    body->remaining -= n;
    if (body->remaining != 0)
        return;
    if (body->framing == HTTP1_LENGTH)
        body->state = HTTP1_BODY_DONE;
    else
        body->chunk_step = CHUNK_DATA_END;
}

uint64_t http1_body_data_ahead(const struct http1_body *body)
{
    if (body->framing == HTTP1_UNTIL_CLOSE)
        return UINT64_MAX;
    return body->framing == HTTP1_LENGTH || body->chunk_step == CHUNK_DATA ? body->remaining : 0;
}

size_t http1_body_feed(struct http1_body *body, struct slice bytes)
{
    size_t used = 0;
    while (body->state == HTTP1_BODY_MORE && used < bytes.length) {
        uint64_t data = http1_body_data_ahead(body);
        if (data == 0) {
            step_chunk(body, bytes.at[used++]);
            continue;
        }
        size_t left = bytes.length - used;
        size_t n = data < left ? (size_t)data : left;
        pass_data(body, n);
        used += n;
    }
    return used;
}

void http1_body_skip(struct http1_body *body, uint64_t n)
{
    if (n == 0)
        return;
    if (body->state != HTTP1_BODY_MORE || n > http1_body_data_ahead(body))
        body->state = HTTP1_BODY_BAD;
    else
        pass_data(body, n);
}

void http1_body_end_of_stream(struct http1_body *body)
{
    if (body->state == HTTP1_BODY_MORE)
        body->state = body->framing == HTTP1_UNTIL_CLOSE ? HTTP1_BODY_DONE : HTTP1_BODY_BAD;
}
