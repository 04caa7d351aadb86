// SPDX-License-Identifier: Apache-2.0
/* capture.h - header fields that the configuration asks for.
 *
 * Names come from a few settings and are compiled once into a short table; a message's field
 * lines are walked only where the parser saw a name that can be one of them. */
#ifndef AGENT_CAPTURE_H
#define AGENT_CAPTURE_H

#include "agent/protocols/http/http1_fields.h"
#include "agent/span/span.h"
#include "agent/text/redact.h"
#include "config/config.h"

#define CAPTURE_MOST          32
#define CAPTURE_TEXT_BYTES    1024 /* a longer redacted value is cut */
#define CAPTURE_SCRATCH_BYTES (CAPTURE_TEXT_BYTES + REDACT_WORK_BYTES + 72) /* of the walk */

struct capture_row {
    struct slice name;        /* in the configuration's storage */
    enum attribute attribute; /* ATTRIBUTE_COUNT: recorded under the header's own name */
};

struct capture {
    uint64_t names; /* http1_name_bit() of the names that are wanted */
    size_t count;
    bool request;
    struct capture_row rows[CAPTURE_MOST];
};

/* From the OTEL_AGENT_CAPTURE_*_HEADERS and OTEL_AGENT_HEADER_* settings. Returns the number of
 * names that were left out because there are more than CAPTURE_MOST: worth a warning. */
size_t capture_init_request(struct capture *capture, const struct config *config);
size_t capture_init_response(struct capture *capture, const struct config *config);

/* Adds what is wanted of a header section to the span, redacted: every line of a header that goes
 * by its own name, the first of one that has an attribute. `scratch`: CAPTURE_SCRATCH_BYTES of
 * working memory, aligned to 8. */
void capture_fields(const struct capture *capture, const struct redact *redact,
                    const struct http1_fields *fields, struct span *span, char *scratch);

#endif
