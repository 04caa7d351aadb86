// SPDX-License-Identifier: Apache-2.0
#include "agent/describe/method.h"

#include "agent/text/redact_shape.h"

static const struct slice known[] = {
    {"GET", 3},     {"HEAD", 4},    {"POST", 4},  {"PUT", 3},   {"DELETE", 6},
    {"CONNECT", 7}, {"OPTIONS", 7}, {"TRACE", 5}, {"PATCH", 5}, {"QUERY", 5},
};

_Static_assert(sizeof known / sizeof *known == METHOD_MOST, "a number each");

unsigned method_number(struct slice method)
{
    for (unsigned i = 0; i < METHOD_MOST; i++)
        if (slice_equal(method, known[i]))
            return i + 1;
    return 0;
}

struct slice method_shown(struct slice method, bool *masked)
{
    if (method.length >= REDACT_SHAPE_LEAST &&
        redact_shape_find(method, 0, method.length).to != 0) {
        *masked = true;
        method = SLICE_LITERAL("REDACTED");
    }
    return span_short(method);
}

struct slice method_record(struct span *span, unsigned number, struct slice original)
{
    if (number - 1 < METHOD_MOST) {
        span_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD, known[number - 1]);
        return known[number - 1];
    }
    span_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD, SLICE_LITERAL("_OTHER"));
    span_string(span, ATTRIBUTE_HTTP_REQUEST_METHOD_ORIGINAL, original);
    return SLICE_LITERAL("HTTP");
}

struct slice method_describe(struct span *span, struct slice method)
{
    unsigned number = method_number(method);
    bool masked = false;
    if (!number)
        method = method_shown(method, &masked);
    if (masked)
        span_masked(span);
    return method_record(span, number, method);
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
