// SPDX-License-Identifier: Apache-2.0
#include "agent/describe/method.h"

#include "agent/text/redact_shape.h"

static const struct slice known[] = {
    {"GET", 3},     {"HEAD", 4},    {"POST", 4},  {"PUT", 3},   {"DELETE", 6},
    {"CONNECT", 7}, {"OPTIONS", 7}, {"TRACE", 5}, {"PATCH", 5}, {"QUERY", 5},
};

struct slice method_describe(struct span *span, struct slice method)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (slice_equal(method, known[i])) {
            span_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD, method);
            return method;
        }
    span_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD, SLICE_LITERAL("_OTHER"));
    if (method.length >= REDACT_SHAPE_LEAST &&
        redact_shape_find(method, 0, method.length).to != 0) {
        span_masked(span);
        method = SLICE_LITERAL("REDACTED");
    }
    span_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD_ORIGINAL, span_short(method));
    return SLICE_LITERAL("HTTP");
}

bool method_may_begin(struct slice bytes)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = bytes.length < known[i].length ? bytes.length : known[i].length;
        bool separated = bytes.length <= known[i].length || bytes.at[known[i].length] == ' ';
        if (separated && memcmp(bytes.at, known[i].at, length) == 0)
            return true;
    }
    return false;
}

struct slice method_in_name(const struct span_record *record)
{
    struct slice method = span_find_string(record, ATTRIBUTE_HTTP_REQUEST_METHOD);
    return slice_equal(method, SLICE_LITERAL("_OTHER")) ? SLICE_LITERAL("HTTP") : method;
}
