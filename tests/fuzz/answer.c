// SPDX-License-Identifier: Apache-2.0
/* An answer that comes in pieces of any size reads as it does whole: the same verdict, and the
 * same status, wait, body and end.
 *
 * Input: a byte (bit 0: the peer closes behind the last byte), a byte of the first piece's size, a
 * byte of the others', the answer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answer.h"

#define MOST ((size_t)1 << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static bool within(struct slice part, const char *bytes, size_t length)
{
    return part.at >= bytes && part.at + part.length <= bytes + length;
}

static void check(enum answer_result result, const struct answer *answer, const char *bytes,
                  size_t length)
{
    demand(answer->status == 0 || (answer->status >= 200 && answer->status <= 999), "the status");
    demand(!answer->retry_after.at || within(answer->retry_after, bytes, length), "the wait");
    if (result != ANSWER_DONE)
        return;
    demand(answer->status != 0, "an answer without a status");
    demand(answer->consumed <= length, "more consumed than there was");
    demand(within(answer->body, bytes, length), "the body");
}

/* As a transport reads: bytes are added, and all are looked at again. The buffer ends where they
 * do, so that a sanitizer sees each look beyond. */
static enum answer_result read_all(const uint8_t *data, size_t size, size_t first, size_t rest,
                                   bool ended, char **bytes, struct answer *answer)
{
    enum answer_result result = ANSWER_MORE;
    *bytes = NULL;
    for (size_t length = first < size ? first : size;;) {
        free(*bytes);
        *bytes = malloc(length ? length : 1);
        demand(*bytes != NULL, "no memory");
        memcpy(*bytes, data, length);
        bool last = length == size;
        result = answer_parse(*bytes, length, last && ended, answer);
        check(result, answer, *bytes, length);
        if (result != ANSWER_DONE)
            demand(memcmp(*bytes, data, length) == 0, "bytes moved before the end");
        if (result != ANSWER_MORE || last)
            return result;
        length = size - length > rest ? length + rest : size;
    }
}

static bool same(struct slice a, struct slice b)
{
    return !a.at == !b.at && slice_equal(a, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer whole;
    struct answer cut;
    char *whole_bytes;
    char *cut_bytes;
    if (size < 3 || size > MOST)
        return 0;
    bool ended = data[0] & 1;
    size_t first = data[1];
    size_t rest = 1u + data[2];
    data += 3;
    size -= 3;
    if (size / rest > 2000)
        rest = size / 2000 + 1; /* each piece costs a look at all before it */

    enum answer_result expected = read_all(data, size, size, 1, ended, &whole_bytes, &whole);
    enum answer_result result = read_all(data, size, first, rest, ended, &cut_bytes, &cut);
    demand(result == expected, "another result");
    demand(whole.status == cut.status, "another status");
    demand(same(whole.retry_after, cut.retry_after), "another wait");
    if (result == ANSWER_DONE) {
        demand(slice_equal(whole.body, cut.body), "another body");
        demand(whole.consumed == cut.consumed && whole.reusable == cut.reusable, "another end");
    }
    free(whole_bytes);
    free(cut_bytes);
    return 0;
}
