// SPDX-License-Identifier: Apache-2.0
/* http1_oracle.h - heads read once more, to hold the agent's parser against.
 *
 * Line by line and byte by byte, as plainly as it can be said: no index, no blocks, no shortcut for
 * what is usual. It clears and notes everything, whether it is wanted or not. */
#ifndef TESTS_HTTP1_ORACLE_H
#define TESTS_HTTP1_ORACLE_H

#include "agent/protocols/http1/http1_body.h"

struct oracle_fields {
    struct slice lines;
    struct slice value[HTTP1_FIELD_COUNT]; /* absent: at == NULL */
    uint32_t repeated;
    bool spaced; /* before the colon of a field that frames */
};

struct oracle {
    size_t head_length;
    struct slice method;
    struct slice target;
    struct slice reason;
    unsigned status;
    uint8_t minor;
    struct oracle_fields fields;
};

enum parse oracle_request(struct slice bytes, struct oracle *head);
enum parse oracle_response(struct slice bytes, struct oracle *head);

/* enum http1_doubt */
uint32_t oracle_doubts(const struct oracle_fields *fields);

/* As http1_body_of_request() and the others say, of whose message it is. */
struct http1_body oracle_body_of_request(const struct oracle *head, bool own);
struct http1_body oracle_body_of_response(const struct oracle *head, enum http1_method method,
                                          bool own);

/* NULL where the agent's parser says the same of these bytes, of `wanted`, and of how the message
 * is framed; else what is not the same. `bytes` are read where they lie. */
const char *oracle_differs(struct slice bytes, bool response, uint64_t wanted);

#endif
