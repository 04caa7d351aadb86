// SPDX-License-Identifier: Apache-2.0
#include "exporter/answer.h"

#include <stdint.h>

#define HEAD_BYTES_MOST ((size_t)65536)
#define LINE_BYTES_MOST ((size_t)4096)    /* of a chunk's size, with its extensions */
#define BODY_BYTES_MOST ((size_t)1 << 30) /* keeps sums of sizes far from overflow */

struct head {
    int status;
    size_t length; /* bytes, the empty line included */
    struct slice retry_after;
    bool has_length;
    size_t content_length;
    bool chunked;
    bool unframed; /* the body's end can't be known */
    bool keep;
};

/* Cuts a line off `rest`, its line ending too; false where none is complete. A bare LF ends a
 * line as well (RFC 9112, 2.2). */
static bool take_line(struct slice *rest, struct slice *line)
{
    size_t end = slice_find(*rest, '\n');
    if (end == rest->length)
        return false;
    *line = (struct slice){rest->at, end};
    if (end && rest->at[end - 1] == '\r')
        line->length--;
    *rest = slice_after(*rest, end + 1);
    return true;
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
static bool parse_status_line(struct slice line, struct head *head)
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

static bool parse_field(struct slice line, struct head *head)
{
    size_t colon = slice_find(line, ':');
    if (colon == line.length || colon == 0)
        return false;
    struct slice name = {line.at, colon};
    struct slice value = slice_trim(slice_after(line, colon + 1));

    if (slice_equal_nocase(name, SLICE_LITERAL("retry-after")))
        head->retry_after = value;
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

/* Whether what has come may still become a status line: garbage must not be waited for. */
static bool may_begin(struct slice bytes)
{
    struct slice start = SLICE_LITERAL("HTTP/1.");
    if (bytes.length < start.length)
        start.length = bytes.length;
    return slice_starts(bytes, start);
}

static enum answer_result parse_head(struct slice bytes, struct head *head)
{
    struct slice rest = bytes;
    struct slice line;
    *head = (struct head){0};
    if (!may_begin(bytes))
        return ANSWER_BAD;
    for (bool first = true; take_line(&rest, &line); first = false) {
        if (first && !parse_status_line(line, head))
            return ANSWER_BAD;
        if (!first && line.length && !parse_field(line, head))
            return ANSWER_BAD;
        if (!line.length) {
            head->length = (size_t)(rest.at - bytes.at);
            return head->length > HEAD_BYTES_MOST ? ANSWER_BAD : ANSWER_DONE;
        }
    }
    return bytes.length > HEAD_BYTES_MOST ? ANSWER_BAD : ANSWER_MORE;
}

/* As take_line(), for a line of at most `most` bytes. A longer one is refused however much of it
 * has come: the pieces that it came in must not matter. */
static enum answer_result take_bounded(struct slice *rest, struct slice *line, size_t most)
{
    size_t before = rest->length;
    bool complete = take_line(rest, line);
    if ((complete ? before - rest->length : before) > most)
        return ANSWER_BAD;
    return complete ? ANSWER_DONE : ANSWER_MORE;
}

/* Takes one chunk off, its size and line endings too. `*chunk` is empty for the last one, whose
 * trailer follows. */
static enum answer_result take_chunk(struct slice *rest, struct slice *chunk)
{
    struct slice line;
    enum answer_result result = take_bounded(rest, &line, LINE_BYTES_MOST);
    if (result != ANSWER_DONE)
        return result;
    line.length = slice_find(line, ';');
    *chunk = (struct slice){rest->at, 0};
    if (!parse_number(slice_trim(line), 16, &chunk->length))
        return ANSWER_BAD;
    if (chunk->length == 0)
        return ANSWER_DONE;
    if (rest->length < chunk->length)
        return ANSWER_MORE;
    *rest = slice_after(*rest, chunk->length);
    if (rest->length < 2 && (rest->length == 0 || rest->at[0] == '\r'))
        return ANSWER_MORE;
    return take_line(rest, &line) && !line.length ? ANSWER_DONE : ANSWER_BAD;
}

static enum answer_result take_trailer(struct slice *rest)
{
    struct slice line;
    size_t left = HEAD_BYTES_MOST;
    do {
        size_t before = rest->length;
        enum answer_result result = take_bounded(rest, &line, left);
        if (result != ANSWER_DONE)
            return result;
        left -= before - rest->length;
    } while (line.length);
    return ANSWER_DONE;
}

/* Walks chunks; copies them together at `into` if that is not NULL. */
static enum answer_result parse_chunks(struct slice bytes, char *into, size_t *body, size_t *used)
{
    struct slice rest = bytes;
    struct slice chunk;
    *body = 0;
    do {
        enum answer_result result = take_chunk(&rest, &chunk);
        if (result != ANSWER_DONE)
            return result;
        if (into)
            memmove(into + *body, chunk.at, chunk.length);
        *body += chunk.length;
    } while (chunk.length);
    enum answer_result result = take_trailer(&rest);
    *used = (size_t)(rest.at - bytes.at);
    return result;
}

static enum answer_result parse_body(const struct head *head, char *at, size_t length, bool ended,
                                     struct answer *answer)
{
    size_t body = 0;
    size_t used = 0;
    if (head->status == 204 || head->status == 304) {
        answer->body = (struct slice){at, 0};
        return ANSWER_DONE;
    }
    if (head->unframed)
        return ANSWER_BAD;
    if (head->chunked) {
        enum answer_result result = parse_chunks((struct slice){at, length}, NULL, &body, &used);
        if (result != ANSWER_DONE)
            return result == ANSWER_MORE && ended ? ANSWER_BAD : result;
        parse_chunks((struct slice){at, length}, at, &body, &used);
        answer->body = (struct slice){at, body};
        answer->consumed += used;
        return ANSWER_DONE;
    }
    if (!head->has_length) {
        answer->body = (struct slice){at, length};
        answer->consumed += length;
        answer->reusable = false;
        return ended ? ANSWER_DONE : ANSWER_MORE;
    }
    if (length < head->content_length)
        return ended ? ANSWER_BAD : ANSWER_MORE;
    answer->body = (struct slice){at, head->content_length};
    answer->consumed += head->content_length;
    return ANSWER_DONE;
}

enum answer_result answer_parse(char *bytes, size_t length, bool ended, struct answer *answer)
{
    struct head head;
    size_t at = 0;
    *answer = (struct answer){0};
    do {
        enum answer_result result = parse_head((struct slice){bytes + at, length - at}, &head);
        if (result != ANSWER_DONE)
            return result == ANSWER_MORE && ended ? ANSWER_BAD : result;
        at += head.length;
    } while (head.status < 200);

    *answer = (struct answer){
        .status = head.status,
        .retry_after = head.retry_after,
        .consumed = at,
        /* Both framings at once: somebody on the way may see another end (RFC 9112, 6.3). */
        .reusable = head.keep && !(head.chunked && head.has_length),
    };
    return parse_body(&head, bytes + at, length - at, ended, answer);
}
