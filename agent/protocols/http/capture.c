// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/capture.h"

_Static_assert(CAPTURE_MOST <= 32, "a bit a row");

static bool is_listed(const struct capture *capture, struct slice name, enum attribute attribute)
{
    for (size_t i = 0; i < capture->count; i++)
        if (capture->rows[i].attribute == attribute &&
            slice_equal_nocase(capture->rows[i].name, name))
            return true;
    return false;
}

/* How many names found no room: 0 or 1. */
static size_t add(struct capture *capture, struct slice name, enum attribute attribute)
{
    name = slice_trim(name);
    if (!name.length || is_listed(capture, name, attribute))
        return 0;
    /* Always recorded, and under the same name. */
    if (!capture->request && slice_equal_nocase(name, SLICE_LITERAL("content-type")))
        return 0;
    if (capture->count == CAPTURE_MOST)
        return 1;
    capture->rows[capture->count++] = (struct capture_row){name, attribute};
    capture->names |= http1_name_bit(name);
    return 0;
}

static size_t add_list(struct capture *capture, const char *names)
{
    struct slice list = slice_of(names);
    struct slice name;
    size_t left_out = 0;
    while (http1_next_element(&list, &name))
        left_out += add(capture, name, ATTRIBUTE_COUNT);
    return left_out;
}

size_t capture_init_request(struct capture *capture, const struct config *config)
{
    *capture = (struct capture){.request = true};
    add(capture, slice_of(config->header_user_id), ATTRIBUTE_USER_ID);
    add(capture, slice_of(config->header_request_id), ATTRIBUTE_REQUEST_ID);
    add(capture, slice_of(config->header_correlation_id), ATTRIBUTE_CORRELATION_ID);
    return add_list(capture, config->capture_request_headers);
}

size_t capture_init_response(struct capture *capture, const struct config *config)
{
    *capture = (struct capture){.request = false};
    return add_list(capture, config->capture_response_headers);
}

/* What lies in the scratch memory. The walk and what is done with what it finds are apart, because
 * redaction goes deep and the stack may be small: neither lies below the other's frame. */
struct working {
    struct slice lines;
    struct slice name;
    struct slice value;
    struct slice shown; /* the value, redacted */
    uint32_t rows;      /* of the table, that may still want this line: a bit each */
    uint32_t said;      /* rows whose attribute is there already */
    char text[CAPTURE_TEXT_BYTES + REDACT_WORK_BYTES];
};

_Static_assert(sizeof(struct working) <= CAPTURE_SCRATCH_BYTES, "it fits");

/* The next row that wants this line, NULL at the line's end. */
static const struct capture_row *next_row(const struct capture *capture, struct working *working)
{
    while (working->rows) {
        unsigned i = (unsigned)__builtin_ctz(working->rows);
        working->rows &= working->rows - 1;
        const struct capture_row *row = &capture->rows[i];
        if (!slice_equal_nocase(working->name, row->name))
            continue;
        if (row->attribute != ATTRIBUTE_COUNT)
            working->said |= UINT32_C(1) << i;
        return row;
    }
    return NULL;
}

__attribute__((noinline)) static const struct capture_row *next(const struct capture *capture,
                                                                struct working *working)
{
    for (;;) {
        const struct capture_row *row = next_row(capture, working);
        if (row)
            return row;
        if (!http1_next_field(&working->lines, &working->name, &working->value))
            return NULL;
        if (capture->names & http1_name_bit(working->name))
            working->rows = (uint32_t)((UINT64_C(1) << capture->count) - 1) & ~working->said;
    }
}

__attribute__((noinline)) static void
redact_one(const struct redact *redact, const struct capture_row *row, struct working *working)
{
    working->shown =
        redact_header(redact, row->name, working->value, working->text, sizeof working->text);
}

__attribute__((noinline)) static void record_one(const struct capture *capture,
                                                 const struct capture_row *row, struct span *span,
                                                 const struct working *working)
{
    if (row->attribute == ATTRIBUTE_COUNT)
        span_header(span, capture->request, row->name, working->shown);
    else
        span_string(span, row->attribute, working->shown);
    if (working->shown.at != working->value.at)
        span_masked(span);
}

void capture_fields(const struct capture *capture, const struct redact *redact,
                    const struct http1_fields *fields, struct span *span, char *scratch)
{
    if (!(capture->names & fields->names))
        return;
    struct working *working = (struct working *)(void *)scratch;
    working->lines = fields->lines;
    working->rows = 0;
    working->said = 0;
    const struct capture_row *row;
    while ((row = next(capture, working)) != NULL) {
        redact_one(redact, row, working);
        record_one(capture, row, span, working);
    }
}
