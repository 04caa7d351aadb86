// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/https_exchange.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void https_exchange_begin(struct https_exchange *exchange, const struct transport_post *post)
{
    exchange->post = post;
    exchange->piece = 0;
    exchange->piece_at = 0;
    exchange->retry_after_length = 0;
    exchange->status = 0;
    exchange->head_whole = false;
    exchange->head_bytes = 0;
    exchange->moved = false;
    exchange->visits = 0;
}

size_t https_exchange_read(char *into, size_t size, size_t count, void *context)
{
    struct https_exchange *exchange = context;
    size_t room = size * count;
    size_t done = 0;
    exchange->moved = true;
    while (done < room && exchange->piece < exchange->post->count) {
        const struct iovec *piece = &exchange->post->pieces[exchange->piece];
        size_t bytes = piece->iov_len - exchange->piece_at;
        if (bytes > room - done)
            bytes = room - done;
        memcpy(into + done, (const char *)piece->iov_base + exchange->piece_at, bytes);
        done += bytes;
        exchange->piece_at += bytes;
        if (exchange->piece_at == piece->iov_len) {
            exchange->piece++;
            exchange->piece_at = 0;
        }
    }
    return done;
}

/* To the beginning, on a new connection after a kept one turned out to be closed; nowhere else. */
int https_exchange_seek(void *context, int64_t offset, int origin)
{
    struct https_exchange *exchange = context;
    exchange->piece = 0;
    exchange->piece_at = 0;
    return offset == 0 && origin == SEEK_SET ? 0 : 1;
}

size_t https_exchange_write(char *bytes, size_t size, size_t count, void *context)
{
    struct https_exchange *exchange = context;
    size_t length = size * count;
    if (length > exchange->body.capacity - exchange->body.used)
        return 0; /* which ends the transfer */
    memcpy(exchange->body.base + exchange->body.used, bytes, length);
    exchange->body.used += length;
    return length;
}

static void read_retry_after(struct https_exchange *exchange, const char *line, size_t length,
                             size_t at)
{
    size_t end = length;
    while (at < end && (line[at] == ' ' || line[at] == '\t'))
        at++;
    while (end > at && (unsigned char)line[end - 1] <= ' ')
        end--;
    if (end - at > sizeof exchange->retry_after)
        return;
    exchange->retry_after_length = end - at;
    memcpy(exchange->retry_after, line + at, end - at);
}

/* A line of a head, the empty one at its end included. Heads of 1xx may come before, but not
 * without end, and not where the other end goes on with another protocol: another result than
 * `length` ends the transfer. */
size_t https_exchange_header(char *line, size_t size, size_t count, void *context)
{
    static const char name[] = "Retry-After:";
    struct https_exchange *exchange = context;
    size_t length = size * count;
    exchange->head_bytes += length;
    if (exchange->head_bytes > ANSWER_HEAD_BYTES_MOST)
        return 0;
    if (length >= 12 && strncmp(line, "HTTP/1.", 7) == 0) {
        exchange->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
        exchange->retry_after_length = 0;
    }
    if (length <= 2 && (exchange->status >= 200 || exchange->status == ANSWER_SWITCHING))
        exchange->head_whole = true;
    if (exchange->head_whole && exchange->status == ANSWER_SWITCHING)
        return 0;
    if (length >= sizeof name - 1 && strncasecmp(line, name, sizeof name - 1) == 0)
        read_retry_after(exchange, line, length, sizeof name - 1);
    return length;
}
