// SPDX-License-Identifier: Apache-2.0
/* An answer that comes in pieces of any sizes reads as it does whole: the same verdict, and the
 * same status, wait, body and end; and it has the same verdict where nothing more comes, however
 * often it is asked.
 *
 * Input: a byte (bit 0: the peer closes behind the last byte), a byte of the first piece's size, a
 * byte of the others', the answer. Where the latter's highest bit is set the sizes of the others
 * follow from the input, each from the one before. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/transport/answer.h"

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

static enum answer_result parse(char *bytes, size_t length, bool ended, struct answer *answer)
{
    size_t at = answer->at;
    enum answer_result result = answer_parse(bytes, length, ended, answer);
    demand(answer->at >= at && answer->at <= length, "a step back, or beyond the end");
    return result;
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

struct cut {
    size_t first, rest; /* sizes of pieces */
    bool uneven;
};

static size_t next_piece(struct cut *cut)
{
    if (!cut->uneven)
        return cut->rest;
    cut->rest = (cut->rest * 1103515245u + 12345u) & 0xffffff;
    return 1 + (cut->rest >> 8) % (1u + (cut->rest & 63));
}

/* As a transport reads: bytes are added, and the parser goes on. The buffer ends where they do and
 * is another each time, so that a sanitizer sees each look beyond, and each pointer kept. */
static enum answer_result read_all(const uint8_t *data, size_t size, struct cut cut, bool ended,
                                   char **bytes, struct answer *answer)
{
    size_t length = 0;
    *bytes = malloc(1);
    *answer = (struct answer){0};
    for (size_t next = cut.first < size ? cut.first : size;;) {
        char *longer = malloc(next ? next : 1);
        demand(longer != NULL && *bytes != NULL, "no memory");
        memcpy(longer, *bytes, length);
        memcpy(longer + length, data + length, next - length);
        free(*bytes);
        *bytes = longer;
        length = next;
        bool last = length == size;
        enum answer_result result = parse(longer, length, false, answer);
        check(result, answer, longer, length);
        if (result == ANSWER_MORE && last)
            result = parse(longer, length, ended, answer);
        check(result, answer, longer, length);
        if (result != ANSWER_MORE || last)
            return result;
        size_t piece = next_piece(&cut);
        next = size - length > piece ? length + piece : size;
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
    struct cut whole_cut = {size, 1, false};
    struct cut pieces = {data[1], 1u + (data[2] & 127), data[2] >> 7};
    data += 3;
    size -= 3;
    if (size / pieces.rest > 2000)
        pieces.rest = size / 2000 + 1; /* each piece costs a copy of all before it */

    enum answer_result expected = read_all(data, size, whole_cut, ended, &whole_bytes, &whole);
    enum answer_result result = read_all(data, size, pieces, ended, &cut_bytes, &cut);
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
