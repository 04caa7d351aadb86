// SPDX-License-Identifier: Apache-2.0
/* What sendfile() takes from a file is content, and counted unseen. Only some servers (lighttpd
 * among them) let a chunked body grow in a temporary file, sizes included: those are looked up. */
#include "agent/net/connection.h"

#include <unistd.h>

/* Read at a time: a line or two, and the first bytes of data with them. */
#define FRAMING_BYTES 64

static bool holds_framing(const struct direction *sent, size_t length)
{
    return sent->state == DIRECTION_BODY && sent->body.framing == HTTP1_CHUNKED &&
           length > http1_body_data_ahead(&sent->body);
}

void stream_sent_file(struct connection *connection, int file, const off_t *end, size_t length,
                      uint64_t now_ns)
{
    const struct direction *sent = &connection->sent;
    off_t at = 0;
    if (holds_framing(sent, length))
        at = (end ? *end : lseek(file, 0, SEEK_CUR)) - (off_t)length;
    while (holds_framing(sent, length)) {
        char framing[FRAMING_BYTES];
        size_t piece = (size_t)http1_body_data_ahead(&sent->body);
        const char *bytes = NULL;
        if (piece == 0) {
            size_t most = length < sizeof framing ? length : sizeof framing;
            ssize_t got = pread(file, framing, most, at);
            if (got <= 0)
                break;
            piece = (size_t)got;
            bytes = framing;
        }
        stream_sent(connection, bytes, piece, now_ns);
        at += (off_t)piece;
        length -= piece;
    }
    if (length)
        stream_sent(connection, NULL, length, now_ns);
}
