// SPDX-License-Identifier: Apache-2.0
/* What sendfile() takes from a file is content, and counted unseen. Only some servers of HTTP
 * (lighttpd among them) let a chunked body grow in a temporary file, sizes included: those are
 * looked up. */
#include "agent/net/connection.h"

#include <unistd.h>

/* Read at a time: a line or two, and the first bytes of data with them. */
#define FRAMING_BYTES 64

/* How many of the next bytes are content. */
static uint64_t unneeded(const struct flow *flow)
{
    if (!flow->is_framed)
        return UINT64_MAX;
    const struct flow_state *state = flow_spoken(flow);
    return state->protocol->unneeded(flow);
}

/* Returns how many bytes of the file it dealt with, up to the last framing. */
__attribute__((noinline)) static size_t look_up(struct connection *connection, int file,
                                                const off_t *end, size_t length, uint64_t now_ns)
{
    const struct flow *flow = &connection->flow;
    size_t left = length;
    off_t at = (end ? *end : lseek(file, 0, SEEK_CUR)) - (off_t)length;
    while (left > unneeded(flow)) {
        char framing[FRAMING_BYTES];
        size_t piece = (size_t)unneeded(flow);
        const char *bytes = NULL;
        if (piece == 0) {
            size_t most = left < sizeof framing ? left : sizeof framing;
            ssize_t got = pread(file, framing, most, at);
            if (got <= 0)
                break;
            piece = (size_t)got;
            bytes = framing;
        }
        stream_sent(connection, bytes, piece, now_ns);
        at += (off_t)piece;
        left -= piece;
    }
    return length - left;
}

void stream_sent_file(struct connection *connection, int file, const off_t *end, size_t length,
                      uint64_t now_ns)
{
    if (length > unneeded(&connection->flow))
        length -= look_up(connection, file, end, length, now_ns);
    if (length)
        stream_sent(connection, NULL, length, now_ns);
}
