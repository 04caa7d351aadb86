// SPDX-License-Identifier: Apache-2.0
#include "agent/capture.h"

#define VALUE_BYTES 1024 /* of a redacted value; the rest is cut */

static void add(struct capture *capture, struct slice name, enum attribute attribute)
{
    name = slice_trim(name);
    /* Always recorded, and under the same name. */
    if (!capture->request && slice_equal_nocase(name, SLICE_LITERAL("content-type")))
        return;
    if (!name.length || capture->count == CAPTURE_MOST)
        return;
    capture->rows[capture->count++] = (struct capture_row){name, attribute};
    capture->names |= http1_name_bit(name);
}

static void add_list(struct capture *capture, const char *names)
{
    struct slice list = slice_of(names);
    struct slice name;
    while (http1_next_element(&list, &name))
        add(capture, name, ATTRIBUTE_COUNT);
}

void capture_init_request(struct capture *capture, const struct config *config)
{
    *capture = (struct capture){.request = true};
    add(capture, slice_of(config->header_user_id), ATTRIBUTE_USER_ID);
    add(capture, slice_of(config->header_request_id), ATTRIBUTE_REQUEST_ID);
    add(capture, slice_of(config->header_correlation_id), ATTRIBUTE_CORRELATION_ID);
    add_list(capture, config->capture_request_headers);
}

void capture_init_response(struct capture *capture, const struct config *config)
{
    *capture = (struct capture){.request = false};
    add_list(capture, config->capture_response_headers);
}

static void record(const struct capture *capture, const struct redact *redact,
                   const struct capture_row *row, struct slice value, struct span *span)
{
    char hidden[VALUE_BYTES];
    value = redact_header(redact, row->name, value, hidden, sizeof hidden);
    if (row->attribute == ATTRIBUTE_COUNT)
        span_header(span, capture->request, row->name, value);
    else
        span_string(span, row->attribute, value);
}

void capture_fields(const struct capture *capture, const struct redact *redact,
                    const struct http1_fields *fields, struct span *span)
{
    if (!(capture->names & fields->names))
        return;
    struct slice lines = fields->lines;
    struct slice name, value;
    while (http1_next_field(&lines, &name, &value)) {
        if (!(capture->names & http1_name_bit(name)))
            continue;
        for (size_t i = 0; i < capture->count; i++)
            if (slice_equal_nocase(name, capture->rows[i].name))
                record(capture, redact, &capture->rows[i], value, span);
    }
}
