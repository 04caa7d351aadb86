// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/protocols/http1/http1_oracle.h"

#include "agent/base/token.h"

#define VERSION        "HTTP/1."
#define VERSION_LENGTH (sizeof(VERSION) - 1)
#define METHOD_MAX     128

#define BIT(field) (1U << (field))

/* ---- bytes ---- */

static const char *find(const char *at, const char *end, char c)
{
    while (at < end && *at != c)
        at++;
    return at < end ? at : NULL;
}

static size_t line_end_at(const char *at, const char *end)
{
    if (at < end && *at == '\n')
        return 1;
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? 2 : 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_fold(char c)
{
    return is_blank(c) || c == '\r' || c == '\n';
}

static struct slice trim_folds(const char *at, const char *end)
{
    while (at < end && is_fold(*at))
        at++;
    while (at < end && is_fold(end[-1]))
        end--;
    return (struct slice){at, (size_t)(end - at)};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* ---- start lines ---- */

/* Where the start line begins; NULL: not there yet. Empty lines before a request are to be
 * ignored (RFC 9112, 2.2); clients ignore them before a response as well. */
static const char *find_start_line(struct slice bytes)
{
    if (bytes.length == 0)
        return NULL;
    const char *at = bytes.at;
    const char *end = at + bytes.length;
    for (size_t length; (length = line_end_at(at, end)) != 0;)
        at += length;
    return at == end || (*at == '\r' && at + 1 == end) ? NULL : at;
}

/* A line's text: without its line end and blanks before that. */
static const char *trim_end(const char *at, const char *end)
{
    if (at < end && end[-1] == '\r')
        end--;
    while (at < end && is_blank(end[-1]))
        end--;
    return end;
}

/* The digits of "HTTP/1.minor"; false: none, or something else follows. */
static bool parse_minor(const char *at, const char *end, uint8_t *minor)
{
    unsigned value = 0;
    if (at == end)
        return false;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        value = value * 10 + (unsigned)(*at - '0');
        if (value > UINT8_MAX)
            value = UINT8_MAX;
    }
    *minor = (uint8_t)value;
    return true;
}

/* Target and version: what follows the method on its line. The last word is the version and all
 * between is the target, spaces included, as servers that accept such a line read it. */
static bool parse_target(const char *at, const char *end, struct oracle *request)
{
    at = skip_blanks(at, end);
    end = trim_end(at, end);
    const char *version = end;
    while (version > at && !is_blank(version[-1]))
        version--;
    if ((size_t)(end - version) <= VERSION_LENGTH || memcmp(version, VERSION, VERSION_LENGTH) != 0)
        return false;
    if (!parse_minor(version + VERSION_LENGTH, end, &request->minor))
        return false;
    end = trim_end(at, version);
    request->target = (struct slice){at, (size_t)(end - at)};
    return end > at;
}

/* method SP request-target SP HTTP-version (RFC 9112, 3). *at moves behind the line. */
static enum parse parse_request_line(const char **at, const char *end, struct oracle *request)
{
    const char *method_end = *at;
    while (method_end < end && token_byte[(unsigned char)*method_end])
        method_end++;
    request->method = (struct slice){*at, (size_t)(method_end - *at)};
    if (request->method.length > METHOD_MAX)
        return PARSE_BAD;
    if (method_end == end)
        return PARSE_MORE;
    if (method_end == *at || !is_blank(*method_end))
        return PARSE_BAD;
    const char *line_end = find(method_end, end, '\n');
    if (line_end == NULL)
        return PARSE_MORE;
    *at = line_end + 1;
    return parse_target(method_end, line_end, request) ? PARSE_OK : PARSE_BAD;
}

/* "HTTP/1." or the part of it that is there. */
static enum parse match_version(const char *at, const char *end)
{
    size_t there = (size_t)(end - at) < VERSION_LENGTH ? (size_t)(end - at) : VERSION_LENGTH;
    if (memcmp(at, VERSION, there) != 0)
        return PARSE_BAD;
    return there == VERSION_LENGTH ? PARSE_OK : PARSE_MORE;
}

/* HTTP-version SP status-code [SP reason-phrase] (RFC 9112, 4). *at moves behind the line. */
static enum parse parse_status_line(const char **at, const char *end, struct oracle *response)
{
    enum parse version = match_version(*at, end);
    if (version != PARSE_OK)
        return version;
    const char *line_end = find(*at, end, '\n');
    if (line_end == NULL)
        return PARSE_MORE;
    const char *minor = *at + VERSION_LENGTH;
    const char *minor_end = minor;
    while (minor_end < line_end && is_digit(*minor_end))
        minor_end++;
    if (!parse_minor(minor, minor_end, &response->minor) || !is_blank(*minor_end))
        return PARSE_BAD;
    const char *status = skip_blanks(minor_end, line_end);
    const char *text_end = trim_end(status, line_end);
    if (text_end - status < 3 || !is_digit(status[0]) || !is_digit(status[1]) ||
        !is_digit(status[2]) || status[0] == '0')
        return PARSE_BAD;
    if (text_end - status > 3 && !is_blank(status[3]))
        return PARSE_BAD;
    response->status =
        (unsigned)((status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0'));
    const char *reason = skip_blanks(status + 3, text_end);
    response->reason = (struct slice){reason, (size_t)(text_end - reason)};
    *at = line_end + 1;
    return PARSE_OK;
}

/* ---- fields ---- */

struct field_line {
    struct slice name; /* absent: no field */
    const char *colon;
    const char *line_end; /* the LF behind the last folded line */
};

/* MORE: it has no end yet. */
static enum parse find_line(const char *at, const char *end, struct field_line *line)
{
    const char *first_end = find(at, end, '\n');
    if (first_end == NULL)
        return PARSE_MORE;
    line->name = SLICE_NONE;
    line->colon = find(at, first_end, ':');
    line->line_end = first_end;
    while (line->line_end + 1 < end && is_blank(line->line_end[1])) {
        line->line_end = find(line->line_end + 1, end, '\n');
        if (line->line_end == NULL)
            return PARSE_MORE;
    }
    if (line->colon == NULL || line->colon == at || is_blank(*at))
        return PARSE_OK;
    const char *name_end = line->colon;
    while (is_blank(name_end[-1]))
        name_end--;
    line->name = (struct slice){at, (size_t)(name_end - at)};
    return PARSE_OK;
}

static bool is_framing(unsigned field)
{
    return field == HTTP1_FIELD_CONTENT_LENGTH || field == HTTP1_FIELD_TRANSFER_ENCODING;
}

static void note_line(struct oracle_fields *fields, const struct field_line *line)
{
    for (unsigned i = 0; i < HTTP1_FIELD_COUNT; i++) {
        if (!line->name.at || !slice_equal_nocase(line->name, http1_field_names[i]))
            continue;
        if (is_framing(i) && line->name.at + line->name.length != line->colon)
            fields->spaced = true;
        if (fields->value[i].at != NULL)
            fields->repeated |= BIT(i);
        else
            fields->value[i] = trim_folds(line->colon + 1, line->line_end);
    }
}

static enum parse parse_fields(struct slice bytes, struct oracle_fields *fields, size_t *length)
{
    const char *at = bytes.at;
    const char *end = bytes.at + bytes.length;
    *fields = (struct oracle_fields){.repeated = 0};
    while (line_end_at(at, end) == 0) {
        struct field_line line;
        if (find_line(at, end, &line) != PARSE_OK)
            return PARSE_MORE;
        note_line(fields, &line);
        at = line.line_end + 1;
    }
    fields->lines = (struct slice){bytes.at, (size_t)(at - bytes.at)};
    *length = fields->lines.length + line_end_at(at, end);
    return PARSE_OK;
}

static enum parse finish(struct slice bytes, const char *at, struct oracle *head)
{
    size_t length = 0;
    struct slice rest = {at, bytes.length - (size_t)(at - bytes.at)};
    enum parse parsed = parse_fields(rest, &head->fields, &length);
    head->head_length = (size_t)(at - bytes.at) + length;
    return parsed;
}

enum parse oracle_request(struct slice bytes, struct oracle *head)
{
    const char *at = find_start_line(bytes);
    if (at == NULL)
        return PARSE_MORE;
    enum parse line = parse_request_line(&at, bytes.at + bytes.length, head);
    return line == PARSE_OK ? finish(bytes, at, head) : line;
}

enum parse oracle_response(struct slice bytes, struct oracle *head)
{
    const char *at = find_start_line(bytes);
    if (at == NULL)
        return PARSE_MORE;
    enum parse line = parse_status_line(&at, bytes.at + bytes.length, head);
    return line == PARSE_OK ? finish(bytes, at, head) : line;
}

/* ---- framing ---- */

static bool has_bare_cr(struct slice lines)
{
    for (size_t i = 0; i < lines.length; i++)
        if (lines.at[i] == '\r' && (i + 1 == lines.length || lines.at[i + 1] != '\n'))
            return true;
    return false;
}

static bool folds_framing(struct slice lines)
{
    const char *end = lines.at + lines.length;
    struct field_line line;
    for (const char *at = lines.at; at < end; at = line.line_end + 1) {
        if (find_line(at, end, &line) != PARSE_OK)
            return false;
        for (unsigned i = 0; i < HTTP1_FIELD_COUNT; i++)
            if (is_framing(i) && line.name.at &&
                slice_equal_nocase(line.name, http1_field_names[i]) &&
                find(at, line.line_end, '\n') != NULL)
                return true;
    }
    return false;
}

uint32_t oracle_doubts(const struct oracle_fields *fields)
{
    return (fields->spaced ? HTTP1_DOUBT_SPACE : 0U) |
           (has_bare_cr(fields->lines) ? HTTP1_DOUBT_CR : 0U) |
           (folds_framing(fields->lines) ? HTTP1_DOUBT_FOLD : 0U);
}

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

/* The next element of any line of that field; begin with all of its lines. */
struct elements {
    enum http1_field field;
    const char *at; /* the next line */
    const char *end;
    struct slice list; /* the rest of this line's value */
};

static bool next_element(struct elements *elements, struct slice *element)
{
    struct field_line line;
    while (!elements->list.at && elements->at < elements->end) {
        if (find_line(elements->at, elements->end, &line) != PARSE_OK)
            return false;
        elements->at = line.line_end + 1;
        if (line.name.at && slice_equal_nocase(line.name, http1_field_names[elements->field]))
            elements->list = trim_folds(line.colon + 1, line.line_end);
    }
    if (!elements->list.at)
        return false;
    size_t comma = slice_find(elements->list, ',');
    *element = trim_folds(elements->list.at, elements->list.at + comma);
    elements->list =
        comma < elements->list.length ? slice_after(elements->list, comma + 1) : SLICE_NONE;
    return true;
}

static struct elements elements_of(const struct oracle_fields *fields, enum http1_field field)
{
    return (struct elements){field, fields->lines.at, fields->lines.at + fields->lines.length,
                             SLICE_NONE};
}

/* Equal lengths, in one list or several lines, are one (RFC 9110, 8.6). */
static bool read_content_length(const struct oracle_fields *fields, uint64_t *length)
{
    struct elements elements = elements_of(fields, HTTP1_FIELD_CONTENT_LENGTH);
    struct slice element;
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
static enum coding read_transfer_encoding(const struct oracle_fields *fields, bool own)
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
static void frame(struct http1_body *body, const struct oracle_fields *fields,
                  enum http1_framing otherwise)
{
    bool has_length = fields->value[HTTP1_FIELD_CONTENT_LENGTH].at != NULL;
    bool has_coding = fields->value[HTTP1_FIELD_TRANSFER_ENCODING].at != NULL;
    enum coding coding = has_coding ? read_transfer_encoding(fields, body->own) : CODING_NONE;
    if (coding == CODING_UNCLEAR || (!body->own && oracle_doubts(fields) != 0)) {
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

struct http1_body oracle_body_of_request(const struct oracle *head, bool own)
{
    struct http1_body body = {.own = own};
    frame(&body, &head->fields, HTTP1_NONE);
    return body;
}

static void frame_response(struct http1_body *body, const struct oracle *response,
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

struct http1_body oracle_body_of_response(const struct oracle *head, enum http1_method method,
                                          bool own)
{
    struct http1_body body = {.own = own};
    frame_response(&body, head, method);
    return body;
}

/* ---- the comparison ---- */

static bool same(struct slice a, struct slice b)
{
    return a.at == b.at && a.length == b.length;
}

static bool same_body(struct http1_body a, struct http1_body b)
{
    return a.framing == b.framing && a.state == b.state && a.own == b.own &&
           a.length_overridden == b.length_overridden &&
           (a.state == HTTP1_BODY_BAD || a.remaining == b.remaining);
}

/* The bits of all names, and none but those of lines. */
static bool right_names(const struct http1_fields *fields)
{
    const char *end = fields->lines.at + fields->lines.length;
    struct field_line line;
    uint64_t may_be = 0;
    for (const char *at = fields->lines.at; at < end; at = line.line_end + 1) {
        if (find_line(at, end, &line) != PARSE_OK)
            return false;
        bool is_short = line.line_end - at < HTTP1_NAME_SIEVED; /* it has any bit */
        may_be |= is_short ? UINT64_MAX : UINT64_C(1) << http1_row(at);
        if (line.name.at && !(http1_name_bit(line.name) & fields->names))
            return false;
    }
    return !(fields->names & ~may_be);
}

static const char *fields_differ(const struct http1_fields *ours,
                                 const struct oracle_fields *theirs, uint64_t wanted)
{
    if (!same(ours->lines, theirs->lines))
        return "the lines";
    if (!right_names(ours))
        return "the names";
    for (unsigned i = 0; i < HTTP1_FIELD_COUNT; i++) {
        bool present = http1_has_field(ours, (enum http1_field)i);
        if (!(http1_want((enum http1_field)i) & wanted)) {
            if (present)
                return "a field that is not wanted";
            continue;
        }
        if (!same(http1_field(ours, (enum http1_field)i), theirs->value[i]))
            return "a value";
        if ((ours->repeated ^ theirs->repeated) & BIT(i))
            return "what is repeated";
    }
    for (unsigned i = 0; i < CARRIER_FIELDS; i++)
        if (!http1_has_field(ours, (enum http1_field)i) && ours->value[i].at)
            return "what a carrier lacks";
    uint32_t doubts = oracle_doubts(theirs);
    if (!(wanted & HTTP1_WANT_DOUBTS))
        doubts &= ~(uint32_t)HTTP1_DOUBT_CR;
    return (wanted & HTTP1_WANT_FRAMING) != HTTP1_WANT_FRAMING || ours->doubts == doubts
               ? NULL
               : "the doubts";
}

static bool frames(uint64_t wanted)
{
    uint64_t all = HTTP1_WANT_FRAMING | HTTP1_WANT_DOUBTS;
    return (wanted & all) == all;
}

static const char *request_differs(struct slice bytes, uint64_t wanted)
{
    struct oracle theirs;
    struct http1_request ours;
    enum parse parsed = http1_parse_request(bytes, wanted, &ours);
    if (parsed != oracle_request(bytes, &theirs))
        return "what a request is";
    if (parsed != PARSE_OK)
        return NULL;
    if (ours.head_length != theirs.head_length || ours.minor != theirs.minor ||
        !same(ours.method, theirs.method) || !same(ours.target, theirs.target))
        return "the request line";
    const char *differ = fields_differ(&ours.fields, &theirs.fields, wanted);
    if (differ || !frames(wanted))
        return differ;
    struct http1_body body;
    http1_body_of_request(&body, &ours);
    if (!same_body(body, oracle_body_of_request(&theirs, false)))
        return "a request's body";
    http1_body_of_own_request(&body, &ours);
    return same_body(body, oracle_body_of_request(&theirs, true)) ? NULL : "an own request's body";
}

static const char *response_differs(struct slice bytes, uint64_t wanted)
{
    struct oracle theirs;
    struct http1_response ours;
    enum parse parsed = http1_parse_response(bytes, wanted, &ours);
    if (parsed != oracle_response(bytes, &theirs))
        return "what a response is";
    if (parsed != PARSE_OK)
        return NULL;
    if (ours.head_length != theirs.head_length || ours.minor != theirs.minor ||
        ours.status != theirs.status || !same(ours.reason, theirs.reason))
        return "the status line";
    const char *differ = fields_differ(&ours.fields, &theirs.fields, wanted);
    if (differ || !frames(wanted))
        return differ;
    for (unsigned i = HTTP1_METHOD_OTHER; i <= HTTP1_METHOD_CONNECT; i++) {
        enum http1_method method = (enum http1_method)i;
        struct http1_body body;
        http1_body_of_response(&body, &ours, method);
        if (!same_body(body, oracle_body_of_response(&theirs, method, true)))
            return "a response's body";
        http1_body_of_foreign_response(&body, &ours, method);
        if (!same_body(body, oracle_body_of_response(&theirs, method, false)))
            return "a foreign response's body";
    }
    return NULL;
}

const char *oracle_differs(struct slice bytes, bool response, uint64_t wanted)
{
    return response ? response_differs(bytes, wanted) : request_differs(bytes, wanted);
}
