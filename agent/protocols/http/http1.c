// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/http1.h"

#include "agent/base/http1_scan.h"
#include "agent/base/token.h"

#define VERSION        "HTTP/1."
#define VERSION_LENGTH (sizeof(VERSION) - 1)
#define VERSION_USUAL  8   /* bytes: with a minor version of one digit */
#define METHOD_MAX     128 /* bytes; the longest registered method has 17 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
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

/* Where the start line begins; NULL: not there yet. Empty lines before a request are to be
 * ignored (RFC 9112, 2.2); clients ignore them before a response as well. */
static const char *find_start_line(struct slice bytes)
{
    if (bytes.length == 0)
        return NULL;
    const char *at = bytes.at;
    const char *end = at + bytes.length;
    for (size_t length; (length = scan_line_end(at, end)) != 0;)
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
static bool parse_target(const char *at, const char *end, struct http1_request *request)
{
    at = skip_blanks(at, end);
    end = trim_end(at, end);
    const char *version = end;
    if (end - at > VERSION_USUAL && is_blank(end[-VERSION_USUAL - 1]) &&
        memcmp(end - VERSION_USUAL, VERSION, VERSION_LENGTH) == 0)
        version -= VERSION_USUAL; /* has no blank, so it is the word that a search would find */
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
static enum parse parse_request_line(const char **at, const char *end,
                                     struct http1_request *request)
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
    const char *line_end = scan_byte(method_end, end, '\n');
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
static enum parse parse_status_line(const char **at, const char *end,
                                    struct http1_response *response)
{
    enum parse version = match_version(*at, end);
    if (version != PARSE_OK)
        return version;
    const char *line_end = scan_byte(*at, end, '\n');
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

enum parse http1_detect_request(struct slice bytes)
{
    const char *at = find_start_line(bytes);
    if (at == NULL)
        return PARSE_MORE;
    const char *end = bytes.at + bytes.length;
    struct http1_request request;
    return parse_request_line(&at, end, &request);
}

enum parse http1_detect_response(struct slice bytes)
{
    const char *at = find_start_line(bytes);
    return at == NULL ? PARSE_MORE : match_version(at, bytes.at + bytes.length);
}

/* The empty line that a LF at `at` ends, judged by the bytes before it only, so that no state but
 * a position outlives a call. Empty lines at the very start are no end: the line before them is
 * empty too, or is not there. */
static bool ends_head(const char *begin, const char *at)
{
    if (at > begin && at[-1] == '\r')
        at--;
    if (at == begin || at[-1] != '\n')
        return false;
    at--;
    if (at > begin && at[-1] == '\r')
        at--;
    return at > begin && at[-1] != '\n';
}

enum parse http1_find_head(struct slice bytes, size_t *scanned, size_t *head_length)
{
    if (*scanned >= bytes.length)
        return PARSE_MORE;
    const char *end = bytes.at + bytes.length;
    const char *at = bytes.at + *scanned;
    while ((at = scan_byte(at, end, '\n')) != NULL) {
        if (ends_head(bytes.at, at)) {
            *head_length = (size_t)(at + 1 - bytes.at);
            *scanned = *head_length;
            return PARSE_OK;
        }
        at++;
    }
    *scanned = bytes.length;
    return PARSE_MORE;
}

enum parse http1_parse_request(struct slice bytes, struct http1_request *request)
{
    const char *at = find_start_line(bytes);
    if (at == NULL)
        return PARSE_MORE;
    const char *end = bytes.at + bytes.length;
    enum parse line = parse_request_line(&at, end, request);
    if (line != PARSE_OK)
        return line;
    size_t fields_length = 0;
    struct slice rest = {at, (size_t)(end - at)};
    enum parse fields = http1_parse_fields(rest, &request->fields, &fields_length);
    request->head_length = (size_t)(at - bytes.at) + fields_length;
    return fields;
}

enum parse http1_parse_response(struct slice bytes, struct http1_response *response)
{
    const char *at = find_start_line(bytes);
    if (at == NULL)
        return PARSE_MORE;
    const char *end = bytes.at + bytes.length;
    enum parse line = parse_status_line(&at, end, response);
    if (line != PARSE_OK)
        return line;
    size_t fields_length = 0;
    struct slice rest = {at, (size_t)(end - at)};
    enum parse fields = http1_parse_fields(rest, &response->fields, &fields_length);
    response->head_length = (size_t)(at - bytes.at) + fields_length;
    return fields;
}

enum http1_method http1_method(struct slice method)
{
    if (slice_equal(method, SLICE_LITERAL("HEAD")))
        return HTTP1_METHOD_HEAD;
    if (slice_equal(method, SLICE_LITERAL("CONNECT")))
        return HTTP1_METHOD_CONNECT;
    return HTTP1_METHOD_OTHER;
}

bool http1_keeps_alive(uint8_t minor, const struct http1_fields *fields)
{
    if (http1_lists(fields, HTTP1_FIELD_CONNECTION, SLICE_LITERAL("close")))
        return false;
    if (minor >= 1)
        return true;
    return http1_lists(fields, HTTP1_FIELD_CONNECTION, SLICE_LITERAL("keep-alive")) &&
           fields->value[HTTP1_FIELD_TRANSFER_ENCODING].at == NULL;
}
