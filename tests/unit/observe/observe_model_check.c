// SPDX-License-Identifier: Apache-2.0
/* Whether what came out is what the model says. */
#include "tests/unit/observe/observe_model.h"

#include <stdlib.h>
#include <string.h>

static void parent_of(int number, uint8_t trace_id[16], uint8_t span_id[8])
{
    memset(trace_id, 0xa0, 16);
    memset(span_id, 0xb0, 8);
    trace_id[14] = span_id[6] = (uint8_t)((number + 1) >> 8);
    trace_id[15] = span_id[7] = (uint8_t)(number + 1);
}

static bool text_is(struct slice found, const char *expected)
{
    return found.at && slice_equal(found, slice_of(expected));
}

static int64_t integer(const struct span_record *record, enum attribute attribute)
{
    int64_t value = -1;
    span_find_integer(record, attribute, &value);
    return value;
}

static const char *check_origin(struct request *request, int number,
                                const struct span_record *record)
{
    uint8_t trace_id[16] = {0};
    uint8_t span_id[8] = {0};
    if (request->has_parent)
        parent_of(number, trace_id, span_id);
    if (memcmp(record->parent_id, span_id, sizeof span_id) != 0)
        return "another parent";
    if (request->has_parent && memcmp(record->trace_id, trace_id, sizeof trace_id) != 0)
        return "another trace";
    if (request->known && memcmp(record->span_id, request->span_id, sizeof span_id) != 0)
        return "threads were given another span id for it";
    return NULL;
}

static const char *check_words(const struct request *request, const struct span_record *record)
{
    struct slice error = span_find_string(record, ATTRIBUTE_ERROR_TYPE);
    int64_t status = integer(record, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE);
    int64_t request_bytes = integer(record, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE);
    if (request_bytes != (request->request_bytes ? (int64_t)request->request_bytes : -1))
        return "another size of the request's body";
    if (status != (request->answered ? request->status : -1))
        return "another status";
    if (request->answered &&
        integer(record, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE) != (int64_t)request->response_bytes)
        return "another size of the response's body";
    if (request->fate == FATE_ABORTED)
        return text_is(error, "connection_aborted") ? NULL : "not told as aborted";
    if ((error.at != NULL) != (request->status >= 500))
        return "an error where there was none, or none where there was one";
    return NULL;
}

/* The request whose number stands in `text` behind `before`, or NULL. */
static struct request *numbered(struct model *model, struct slice text, const char *before,
                                int *number)
{
    size_t length = strlen(before);
    char digits[16] = "";
    if (!text.at || text.length <= length || text.length >= sizeof digits ||
        memcmp(text.at, before, length) != 0)
        return NULL;
    memcpy(digits, text.at + length, text.length - length);
    char *end;
    *number = (int)strtol(digits, &end, 10);
    return *end || *number >= model->request_count ? NULL : &model->requests[*number];
}

/* By its path; or, where something else may stand before its head, by its Host. */
static struct request *find(struct model *model, const struct span_record *record, int *number)
{
    struct slice path = span_find_string(record, ATTRIBUTE_URL_PATH);
    struct request *request = numbered(model, path, "/r/", number);
    if (request)
        return request;
    request = numbered(model, span_find_string(record, ATTRIBUTE_SERVER_ADDRESS), "h", number);
    return request && request->fate == FATE_MAYBE ? request : NULL;
}

/* A complete head that nobody meant as one: there is garbage in its path, it has none because its
 * target is no target, or it was a body's, whose beginning was lost. */
static bool may_be_broken(const struct model *model, const struct span_record *record)
{
    struct slice path = span_find_string(record, ATTRIBUTE_URL_PATH);
    return model->chaos && (!path.at || memchr(path.at, '~', path.length) ||
                            slice_starts(path, SLICE_LITERAL("/x")));
}

const char *model_check_span(struct model *model, const struct span_record *record)
{
    int number = 0;
    struct request *request = find(model, record, &number);
    model->reported++;
    if (!request)
        return may_be_broken(model, record) ? NULL : "a span of nothing";
    if (request->reported)
        return "a request's second span";
    request->reported = true;
    if (request->fate == FATE_UNBORN || request->fate == FATE_NONE)
        return "a span that should not be";
    if (!span_find_name(record).length)
        return "a span without a name";
    if (record->kind != SPAN_KIND_SERVER || record->end_ns < record->start_ns)
        return "no server span, or ended before it began";
    if (request->torn)
        return NULL;
    bool whole = request->fate != FATE_MAYBE; /* else the end of something may precede it */
    if (whole && !text_is(span_find_string(record, ATTRIBUTE_HTTP_REQUEST_METHOD),
                          model_methods[request->method]))
        return "another method";
    if (memmem(record, record->length, "hidden", 6))
        return "a secret";
    const char *wrong = check_origin(request, number, record);
    if (wrong || request->fate == FATE_LOST || request->fate == FATE_MAYBE)
        return wrong;
    if (request->fate == FATE_OPEN) {
        for (int i = 0; i < model->talk_count; i++)
            if (model->talks[i].lost)
                return NULL;
        return "a span of a request that has not ended";
    }
    return check_words(request, record);
}

const char *model_check_context(struct model *model, int thread, const struct context *context,
                                int expected, bool surely)
{
    struct thread_model *mine = &model->threads[thread];
    if (!span_context_present(&context->span)) {
        mine->owner = MODEL_NOBODY;
        return surely && expected != MODEL_NOBODY ? "a thread that works for nobody" : NULL;
    }
    mine->owner = expected;
    if (expected == MODEL_NOBODY)
        return "a thread that should work for nobody";
    struct request *request = &model->requests[expected];
    uint8_t trace_id[16];
    uint8_t span_id[8];
    parent_of(expected, trace_id, span_id);
    if (request->has_parent && !request->torn &&
        memcmp(context->span.trace_id, trace_id, sizeof trace_id) != 0)
        return "a thread in another trace";
    if (!request->known)
        memcpy(request->span_id, context->span.span_id, sizeof span_id);
    request->known = true;
    return memcmp(request->span_id, context->span.span_id, sizeof span_id) == 0
               ? NULL
               : "a thread that works for another request";
}

const char *model_check_end(const struct model *model, uint64_t dropped)
{
    uint64_t missing = 0;
    for (int i = 0; i < model->request_count; i++) {
        const struct request *request = &model->requests[i];
        bool due = request->fate == FATE_DONE || request->fate == FATE_ABORTED ||
                   request->fate == FATE_LOST;
        if (request->fate == FATE_OPEN)
            return "a request that never ended"; /* the model's fault */
        missing += due && !request->reported && !request->torn;
    }
    return missing <= dropped ? NULL : "a request without a span";
}
