// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/gzip.h"

#include <zlib.h>

#include "exporter/base/breath.h"

/* zlib's own need at our settings is under 300 KB; the rest is the result: three scopes of at
 * most 1.7 MB, should nothing shrink. */
#define ARENA_BYTES ((size_t)6 << 20)
#define KEEP_BYTES  ((size_t)1 << 20)
#define STEP_BYTES  ((size_t)8 << 10) /* at a time: about 20 us */
#define GZIP_WINDOW (15 + 16)         /* the largest window; + 16: a gzip head, not zlib's */

static void *take(void *arena, unsigned count, unsigned bytes)
{
    return arena_take(arena, (size_t)count * bytes);
}

static void give_back(void *arena, void *memory)
{
    (void)arena; /* reset as a whole */
    (void)memory;
}

static bool compress_piece(z_stream *stream, unsigned char *piece, size_t bytes)
{
    while (bytes) {
        size_t step = bytes < STEP_BYTES ? bytes : STEP_BYTES;
        stream->next_in = piece;
        stream->avail_in = (unsigned)step;
        if (deflate(stream, Z_NO_FLUSH) != Z_OK || stream->avail_in)
            return false;
        piece += step;
        bytes -= step;
        breath_take();
    }
    return true;
}

static bool compress_all(z_stream *stream, const struct otlp_body *body)
{
    for (int i = 0; i < body->count; i++)
        if (!compress_piece(stream, body->pieces[i].iov_base, body->pieces[i].iov_len))
            return false;
    return deflate(stream, Z_FINISH) == Z_STREAM_END;
}

struct slice gzip_compress(struct gzip *gzip, const struct otlp_body *body)
{
    arena_reset(&gzip->arena, KEEP_BYTES);
    if (!arena_map(&gzip->arena, ARENA_BYTES))
        return SLICE_NONE;
    z_stream stream = {.zalloc = take, .zfree = give_back, .opaque = &gzip->arena};
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return SLICE_NONE;

    size_t capacity = deflateBound(&stream, body->bytes);
    unsigned char *out = arena_take(&gzip->arena, capacity);
    if (!out)
        return SLICE_NONE;
    stream.next_out = out;
    stream.avail_out = (unsigned)capacity;
    if (!compress_all(&stream, body))
        return SLICE_NONE;
    return (struct slice){(const char *)out, stream.total_out};
}
