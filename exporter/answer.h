// SPDX-License-Identifier: Apache-2.0
/* answer.h - the collector's HTTP/1.x answer.
 *
 * Pure: looks at the bytes received so far and says whether they are a whole answer. It is asked
 * again, from the beginning, when more have come; answers are short.
 * Source: RFC 9112, sections 4, 6 and 7. */
#ifndef EXPORTER_ANSWER_H
#define EXPORTER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/slice.h"

enum answer_result { ANSWER_DONE, ANSWER_MORE, ANSWER_BAD };

struct answer {
    int status;               /* 200..999: interim answers (1xx) are passed over; 0: no head yet */
    struct slice retry_after; /* the field's value; absent: none */
    struct slice body;        /* chunks are joined in place */
    size_t consumed;          /* bytes of the buffer that belong to the answer */
    bool reusable;            /* the connection may carry another request */
};

/* `ended`: the peer has closed, no more will come. Bytes are moved only where the result is
 * ANSWER_DONE. With any result `status` and `retry_after` are set as soon as the head is there,
 * because they hold even where its body never comes, or is framed in a way nobody can read. */
enum answer_result answer_parse(char *bytes, size_t length, bool ended, struct answer *answer);

#endif
