// SPDX-License-Identifier: Apache-2.0
/* A head, cut anywhere, is read as tests/unit/protocols/http1/http1_oracle.h reads it, whatever of
 * it is wanted, and nothing outside it is read.
 *
 * Input: one byte of direction (bit 0: a response) and of what is wanted (four more), one of how
 * many bytes are in front of the head, the head. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/guarded.h"
#include "tests/unit/protocols/http1/http1_oracle.h"

#define HEAD_MAX  4096
#define CUTS_MOST 512 /* of a longer one, its last bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(const char *what, struct slice bytes)
{
    if (!what)
        return;
    (void)fprintf(stderr, "%s differs in %zu bytes:\n%.*s\n", what, bytes.length, (int)bytes.length,
                  bytes.at);
    abort();
}

static uint64_t wanted_of(unsigned choice)
{
    switch (choice & 3) {
    case 0:
        return HTTP1_WANT_FRAMING;
    case 1:
        return HTTP1_WANT_FRAMING | HTTP1_WANT_DOUBTS;
    case 2:
        return HTTP1_WANT_CARRIER | http1_want(HTTP1_FIELD_HOST) | HTTP1_WANT_DOUBTS;
    default:
        return HTTP1_WANT_ALL;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct guarded memory;
    if (memory.end == NULL)
        memory = guarded_make(HEAD_MAX);
    if (size < 1 || size > HEAD_MAX)
        return 0;
    struct slice head = {(const char *)data + 1, size - 1};
    bool response = data[0] & 1;
    uint64_t wanted = wanted_of(data[0] >> 1);
    size_t from = head.length > CUTS_MOST ? head.length - CUTS_MOST : 0;
    for (size_t length = from; length <= head.length; length++) {
        struct slice bytes = guarded_copy(&memory, (struct slice){head.at, length});
        demand(oracle_differs(bytes, response, wanted), bytes);
    }
    demand(oracle_differs(head, !response, wanted), head);
    return 0;
}
