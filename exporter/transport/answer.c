// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/answer.h"

#include <stdint.h>

#define LINE_BYTES_MOST ((size_t)4096)    /* of a chunk's size, with its extensions */
#define TRAILER_MOST    ((size_t)65536)   /* bytes */
#define BODY_BYTES_MOST ((size_t)1 << 30) /* keeps sums of sizes far from overflow */

enum state {
    STATUS_LINE,
    FIELD,
    BODY_OF_LENGTH,
    BODY_UNTIL_END,
    CHUNK_SIZE,
    CHUNK,
    CHUNK_END,
    TRAILER,
    STATES
};

/* What a step says beside an enum answer_result: the next one can be taken. */
#define GO_ON (-1)

/* Cuts a line off, its line ending too. A bare LF ends a line as well (RFC 9112, 2.2). One of more
 * than `most` bytes is refused however much of it has come: the pieces that it came in must not
 * matter. */
static int take_line(struct answer *answer, struct slice bytes, size_t most, struct slice *line)
{
    size_t begin = answer->at;
    size_t end = answer->searched + slice_find(slice_after(bytes, answer->searched), '\n');
    bool complete = end < bytes.length;
    answer->searched = end;
    if (end + complete - begin > most)
        return ANSWER_LONG;
    if (!complete)
        return ANSWER_MORE;
    *line = (struct slice){bytes.at + begin, end - begin};
    if (line->length && line->at[line->length - 1] == '\r')
        line->length--;
    answer->at = end + 1;
    answer->searched = answer->at;
    return GO_ON;
}

static int take_head_line(struct answer *answer, struct slice bytes, struct slice *line)
{
    size_t begin = answer->at;
    int result = take_line(answer, bytes, ANSWER_HEAD_BYTES_MOST - answer->head_bytes, line);
    answer->head_bytes += answer->at - begin;
    return result;
}

static bool parse_number(struct slice text, unsigned base, size_t *value)
{
    *value = 0;
    if (!text.length)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = slice_lower(text.at[i]);
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                : 99;
        if (digit >= base || *value > BODY_BYTES_MOST / base)
            return false;
        *value = *value * base + digit;
    }
    return true;
}

/* HTTP/1.x SP 3DIGIT [SP reason] */
static bool parse_status_line(struct slice line, struct answer_head *head)
{
    size_t status;
    if (line.length < 12 || !slice_starts(line, SLICE_LITERAL("HTTP/1.")) || line.at[8] != ' ' ||
        (line.length > 12 && line.at[12] != ' '))
        return false;
    if (!parse_number((struct slice){line.at + 9, 3}, 10, &status) || status < 100)
        return false;
    head->status = (int)status;
    head->keep = line.at[7] != '0';
    return true;
}

/* Whether what has come may still become a status line: garbage must not be waited for. */
static bool may_begin(struct slice bytes)
{
    struct slice start = SLICE_LITERAL("HTTP/1.");
    if (bytes.length < start.length)
        start.length = bytes.length;
    return slice_starts(bytes, start);
}

static int step_status_line(struct answer *answer, struct slice bytes)
{
    struct slice line;
    if (!may_begin(slice_after(bytes, answer->at)))
        return ANSWER_BAD;
    int result = take_head_line(answer, bytes, &line);
    if (result != GO_ON)
        return result;
    answer->head = (struct answer_head){0};
    answer->state = FIELD;
    return parse_status_line(line, &answer->head) ? GO_ON : ANSWER_BAD;
}

static bool parse_field(struct slice line, const char *first, struct answer_head *head)
{
    size_t colon = slice_find(line, ':');
    if (colon == line.length || colon == 0)
        return false;
    struct slice name = {line.at, colon};
    struct slice value = slice_trim(slice_after(line, colon + 1));

    if (slice_equal_nocase(name, SLICE_LITERAL("retry-after"))) {
        head->has_retry = true;
        head->retry_at = (size_t)(value.at - first);
        head->retry_length = value.length;
    }
    if (slice_equal_nocase(name, SLICE_LITERAL("connection"))) {
        if (slice_equal_nocase(value, SLICE_LITERAL("close")))
            head->keep = false;
        if (slice_equal_nocase(value, SLICE_LITERAL("keep-alive")))
            head->keep = true;
    }
    if (slice_equal_nocase(name, SLICE_LITERAL("transfer-encoding"))) {
        /* Another coding was not asked for; twice chunked is none (RFC 9112, 6.1). */
        head->unframed |= head->chunked || !slice_equal_nocase(value, SLICE_LITERAL("chunked"));
        head->chunked = true;
    }
    if (slice_equal_nocase(name, SLICE_LITERAL("content-length"))) {
        size_t length;
        head->unframed |= !parse_number(value, 10, &length) ||
                          (head->has_length && length != head->content_length);
        head->has_length = true;
        head->content_length = length;
    }
    return true;
}

static int end_head(struct answer *answer)
{
    const struct answer_head *head = &answer->head;
    if (head->status < 200 && head->status != ANSWER_SWITCHING) {
        answer->state = STATUS_LINE;
        return GO_ON;
    }
    answer->status = head->status;
    answer->body_at = answer->at;
    if (head->status == ANSWER_SWITCHING)
        return ANSWER_DONE;
    /* Both framings at once: somebody on the way may see another end (RFC 9112, 6.3). */
    answer->reusable = head->keep && !(head->chunked && head->has_length);
    if (head->status == 204 || head->status == 304)
        return ANSWER_DONE;
    if (head->unframed)
        return ANSWER_BAD;
    answer->state = head->chunked ? CHUNK_SIZE : head->has_length ? BODY_OF_LENGTH : BODY_UNTIL_END;
    return GO_ON;
}

static int step_field(struct answer *answer, struct slice bytes)
{
    struct slice line;
    int result = take_head_line(answer, bytes, &line);
    if (result != GO_ON)
        return result;
    if (!line.length)
        return end_head(answer);
    return parse_field(line, bytes.at, &answer->head) ? GO_ON : ANSWER_BAD;
}

static int step_body_of_length(struct answer *answer, struct slice bytes)
{
    if (bytes.length - answer->body_at < answer->head.content_length)
        return ANSWER_MORE;
    answer->body_length = answer->head.content_length;
    answer->at = answer->body_at + answer->body_length;
    return ANSWER_DONE;
}

static int step_body_until_end(struct answer *answer, struct slice bytes)
{
    answer->body_length = bytes.length - answer->body_at;
    answer->at = bytes.length;
    answer->reusable = false;
    return ANSWER_MORE;
}

/* The last chunk is empty, and its trailer follows. */
static int step_chunk_size(struct answer *answer, struct slice bytes)
{
    struct slice line;
    int result = take_line(answer, bytes, LINE_BYTES_MOST, &line);
    if (result != GO_ON)
        return result;
    line.length = slice_find(line, ';');
    if (!parse_number(slice_trim(line), 16, &answer->chunk_left))
        return ANSWER_BAD;
    answer->state = answer->chunk_left ? CHUNK : TRAILER;
    return GO_ON;
}

static int step_chunk(struct answer *answer, struct slice bytes)
{
    char *first = (char *)(uintptr_t)bytes.at;
    size_t length = bytes.length - answer->at;
    if (length > answer->chunk_left)
        length = answer->chunk_left;
    memmove(first + answer->body_at + answer->body_length, first + answer->at, length);
    answer->body_length += length;
    answer->at += length;
    answer->chunk_left -= length;
    if (answer->chunk_left)
        return ANSWER_MORE;
    answer->state = CHUNK_END;
    return GO_ON;
}

static int step_chunk_end(struct answer *answer, struct slice bytes)
{
    struct slice rest = slice_after(bytes, answer->at);
    size_t ending = rest.length && rest.at[0] == '\r' ? 2 : 1;
    if (rest.length < ending)
        return ANSWER_MORE;
    if (rest.at[ending - 1] != '\n')
        return ANSWER_BAD;
    answer->at += ending;
    answer->searched = answer->at;
    answer->state = CHUNK_SIZE;
    return GO_ON;
}

static int step_trailer(struct answer *answer, struct slice bytes)
{
    struct slice line;
    size_t begin = answer->at;
    int result = take_line(answer, bytes, TRAILER_MOST - answer->line_bytes, &line);
    answer->line_bytes += answer->at - begin;
    return result == GO_ON && !line.length ? ANSWER_DONE : result;
}

static int (*const steps[STATES])(struct answer *answer, struct slice bytes) = {
    [STATUS_LINE] = step_status_line,       [FIELD] = step_field,
    [BODY_OF_LENGTH] = step_body_of_length, [BODY_UNTIL_END] = step_body_until_end,
    [CHUNK_SIZE] = step_chunk_size,         [CHUNK] = step_chunk,
    [CHUNK_END] = step_chunk_end,           [TRAILER] = step_trailer,
};

// NOLINTNEXTLINE(readability-non-const-parameter): chunks are joined in it
enum answer_result answer_parse(char *bytes, size_t length, bool ended, struct answer *answer)
{
    int result;
    do
        result = steps[answer->state](answer, (struct slice){bytes, length});
    while (result == GO_ON);

    if (answer->status && answer->head.has_retry)
        answer->retry_after =
            (struct slice){bytes + answer->head.retry_at, answer->head.retry_length};
    if (result == ANSWER_MORE && ended)
        result = answer->state == BODY_UNTIL_END ? ANSWER_DONE : ANSWER_BAD;
    if (result == ANSWER_DONE) {
        answer->body = (struct slice){bytes + answer->body_at, answer->body_length};
        answer->consumed = answer->at;
    }
    return (enum answer_result)result;
}
