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
    if (__builtin_expect(*at > '\r', true))
        return at;
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
__attribute__((noinline)) static bool parse_other_target(const char *at, const char *end,
                                                         struct http1_request *request)
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

/* As nearly all are: one space before the target and one before "HTTP/1." and a digit, and nothing
 * else that could be trimmed there. */
static inline bool parse_target(const char *at, const char *line_end, struct http1_request *request)
{
    const char *end = line_end - (line_end[-1] == '\r');
    if (end - at < VERSION_USUAL + 3)
        return parse_other_target(at, line_end, request);
    const char *target = at + 1;
    const char *version = end - VERSION_USUAL;
    unsigned minor = (unsigned char)end[-1] - '0';
    if (version[-1] != ' ' || (unsigned char)version[-2] <= ' ' || (unsigned char)*target <= ' ' ||
        minor > 9 || memcmp(version, VERSION, VERSION_LENGTH) != 0)
        return parse_other_target(at, line_end, request);
    request->minor = (uint8_t)minor;
    request->target = (struct slice){target, (size_t)(version - 1 - target)};
    return true;
}

/* Behind a method that is so often GET that this is worth a look. */
static inline const char *find_method_end(const char *at, const char *end)
{
    if (end - at >= 4 && memcmp(at, "GET ", 4) == 0)
        return at + 3;
    while (at < end && token_byte[(unsigned char)*at])
        at++;
    return at;
}

/* method SP request-target SP HTTP-version (RFC 9112, 3). *at moves behind the line. */
__attribute__((always_inline)) static inline enum parse
parse_request_line(const char **at, const char *end, struct http1_request *request)
{
    const char *method_end = find_method_end(*at, end);
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
    size_t there = (size_t)(end - at);
    if (there >= VERSION_LENGTH)
        return memcmp(at, VERSION, VERSION_LENGTH) == 0 ? PARSE_OK : PARSE_BAD;
    return memcmp(at, VERSION, there) == 0 ? PARSE_MORE : PARSE_BAD;
}

/* The line from its version on. */
__attribute__((noinline)) static bool parse_other_status(const char *at, const char *line_end,
                                                         struct http1_response *response)
{
    const char *minor = at + VERSION_LENGTH;
    const char *minor_end = minor;
    while (minor_end < line_end && is_digit(*minor_end))
        minor_end++;
    if (!parse_minor(minor, minor_end, &response->minor) || !is_blank(*minor_end))
        return false;
    const char *status = skip_blanks(minor_end, line_end);
    const char *text_end = trim_end(status, line_end);
    if (text_end - status < 3 || !is_digit(status[0]) || !is_digit(status[1]) ||
        !is_digit(status[2]) || status[0] == '0')
        return false;
    if (text_end - status > 3 && !is_blank(status[3]))
        return false;
    response->status =
        (unsigned)((status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0'));
    const char *reason = skip_blanks(status + 3, text_end);
    response->reason = (struct slice){reason, (size_t)(text_end - reason)};
    return true;
}

#define STATUS_USUAL 12 /* bytes: "HTTP/1.1 200" */

/* As nearly all are: a digit behind "HTTP/1.", one space before the status and one before a reason
 * that has nothing to trim. */
static inline bool parse_status(const char *at, const char *line_end,
                                struct http1_response *response)
{
    const char *end = line_end - (line_end[-1] == '\r');
    if (end - at <= STATUS_USUAL + 1)
        return parse_other_status(at, line_end, response);
    const char *reason = at + STATUS_USUAL + 1;
    unsigned minor = (unsigned char)at[VERSION_LENGTH] - '0';
    unsigned hundreds = (unsigned char)reason[-4] - '0';
    unsigned tens = (unsigned char)reason[-3] - '0';
    unsigned ones = (unsigned char)reason[-2] - '0';
    if (reason[-5] != ' ' || reason[-1] != ' ' || minor > 9 || hundreds - 1 > 8 || tens > 9 ||
        ones > 9 || (unsigned char)*reason <= ' ' || (unsigned char)end[-1] <= ' ')
        return parse_other_status(at, line_end, response);
    response->minor = (uint8_t)minor;
    response->status = hundreds * 100 + tens * 10 + ones;
    response->reason = (struct slice){reason, (size_t)(end - reason)};
    return true;
}

/* HTTP-version SP status-code [SP reason-phrase] (RFC 9112, 4). *at moves behind the line. */
__attribute__((always_inline)) static inline enum parse
parse_status_line(const char **at, const char *end, struct http1_response *response)
{
    enum parse version = match_version(*at, end);
    if (version != PARSE_OK)
        return version;
    const char *line_end = scan_byte(*at, end, '\n');
    if (line_end == NULL)
        return PARSE_MORE;
    if (!parse_status(*at, line_end, response))
        return PARSE_BAD;
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

enum parse http1_parse_request(struct slice bytes, uint64_t wanted, struct http1_request *request)
{
    const char *at = find_start_line(bytes);
    if (at == NULL)
        return PARSE_MORE;
    const char *end = bytes.at + bytes.length;
    enum parse line = parse_request_line(&at, end, request);
    if (line != PARSE_OK)
        return line;
    struct slice rest = {at, (size_t)(end - at)};
    if (http1_parse_fields(rest, bytes.at, wanted, &request->fields) != PARSE_OK)
        return PARSE_MORE;
    request->head_length = (size_t)(at - bytes.at) + request->fields.length;
    return PARSE_OK;
}

enum parse http1_parse_response(struct slice bytes, uint64_t wanted,
                                struct http1_response *response)
{
    const char *at = find_start_line(bytes);
    if (at == NULL)
        return PARSE_MORE;
    const char *end = bytes.at + bytes.length;
    enum parse line = parse_status_line(&at, end, response);
    if (line != PARSE_OK)
        return line;
    struct slice rest = {at, (size_t)(end - at)};
    if (http1_parse_fields(rest, bytes.at, wanted, &response->fields) != PARSE_OK)
        return PARSE_MORE;
    response->head_length = (size_t)(at - bytes.at) + response->fields.length;
    return PARSE_OK;
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
           !http1_has_field(fields, HTTP1_FIELD_TRANSFER_ENCODING);
}
