// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/gzip.h"

#include <zlib.h>

/* zlib's own need at our settings is under 300 KB; the rest is the result: three scopes of at
 * most 1.7 MB, should nothing shrink. */
#define ARENA_BYTES ((size_t)6 << 20)
#define KEEP_BYTES  ((size_t)1 << 20)
#define GZIP_WINDOW (15 + 16) /* the largest window; + 16: a gzip head, not zlib's */

static void *take(void *arena, unsigned count, unsigned bytes)
{
    return arena_take(arena, (size_t)count * bytes);
}

static void give_back(void *arena, void *memory)
{
    (void)arena; /* reset as a whole */
    (void)memory;
}

static bool compress_all(z_stream *stream, const struct otlp_body *body)
{
    int result = Z_OK;
    for (int i = 0; i < body->count; i++) {
        bool last = i == body->count - 1;
        stream->next_in = body->pieces[i].iov_base;
        stream->avail_in = (unsigned)body->pieces[i].iov_len;
        result = deflate(stream, last ? Z_FINISH : Z_NO_FLUSH);
        if (stream->avail_in)
            return false;
    }
    return result == Z_STREAM_END;
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
