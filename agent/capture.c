// SPDX-License-Identifier: Apache-2.0
#include "agent/capture.h"

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

static void record(const struct capture *capture, const struct redact *redact,
                   const struct capture_row *row, struct slice value, struct span *span,
                   char scratch[CAPTURE_SCRATCH_BYTES])
{
    value = redact_header(redact, row->name, value, scratch, CAPTURE_SCRATCH_BYTES);
    if (row->attribute == ATTRIBUTE_COUNT)
        span_header(span, capture->request, row->name, value);
    else
        span_string(span, row->attribute, value);
}

void capture_fields(const struct capture *capture, const struct redact *redact,
                    const struct http1_fields *fields, struct span *span,
                    char scratch[CAPTURE_SCRATCH_BYTES])
{
    if (!(capture->names & fields->names))
        return;
    uint32_t said = 0; /* rows whose attribute is there already */
    struct slice lines = fields->lines;
    struct slice name, value;
    while (http1_next_field(&lines, &name, &value)) {
        if (!(capture->names & http1_name_bit(name)))
            continue;
        for (size_t i = 0; i < capture->count; i++) {
            const struct capture_row *row = &capture->rows[i];
            if (said >> i & 1 || !slice_equal_nocase(name, row->name))
                continue;
            record(capture, redact, row, value, span, scratch);
            if (row->attribute != ATTRIBUTE_COUNT)
                said |= UINT32_C(1) << i;
        }
    }
}
