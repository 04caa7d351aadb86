// SPDX-License-Identifier: Apache-2.0
/* A stream cut in two anywhere, or into small pieces, reads as it does whole, and the invariants
 * of tests/unit/protocols/http1/http1_stream.h hold.
 *
 * Input: one byte of direction (bit 0: responses) and method (bits 1 and 2), two bytes of cut,
 * the stream. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/protocols/http1/http1_stream.h"

#define STREAM_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http1_text whole;
static struct http1_text cut;

static void check(const struct http1_stream *stream, struct http1_pieces pieces,
                  const struct guarded *memory)
{
    http1_stream_read(stream, pieces, memory, &cut);
    if (cut.broken == NULL && strcmp(cut.at, whole.at) == 0)
        return;
    (void)fprintf(stderr, "pieces of %zu, then %zu; %s\n-- whole\n%s-- cut\n%s", pieces.first,
                  pieces.rest, cut.broken ? cut.broken : "texts differ", whole.at, cut.at);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct guarded memory;
    static const char *const methods[] = {"", "H", "C", "HGC"};
    if (memory.end == NULL)
        memory = guarded_make(STREAM_MAX);
    if (size < 3 || size > STREAM_MAX)
        return 0;
    size_t at = (size_t)data[1] << 8 | data[2];
    struct http1_stream stream = {
        {(const char *)data + 3, size - 3}, data[0] & 1, methods[data[0] >> 1 & 3]};

    http1_stream_read(&stream, (struct http1_pieces){size, 0}, &memory, &whole);
    if (whole.broken != NULL) {
        (void)fprintf(stderr, "%s\n%s", whole.broken, whole.at);
        abort();
    }
    check(&stream, (struct http1_pieces){at % size, 0}, &memory);
    check(&stream, (struct http1_pieces){size < 256 ? 1 : size / 64, size < 256 ? 1 : size / 64},
          &memory);
    return 0;
}
