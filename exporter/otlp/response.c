// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/response.h"

#include "exporter/otlp/otlp.pb-c.h"

#define ARENA_BYTES        ((size_t)8 << 20) /* for bodies of up to 4 MiB */
#define KEEP_BYTES         ((size_t)65536)
#define MESSAGE_BYTES_MOST 100

static void *take(void *arena, size_t bytes)
{
    return arena_take(arena, bytes);
}

static void give_back(void *arena, void *memory)
{
    (void)arena; /* reset as a whole */
    (void)memory;
}

static bool open_arena(struct arena *arena)
{
    arena_reset(arena, KEEP_BYTES);
    return arena_map(arena, ARENA_BYTES);
}

struct response response_read(struct arena *arena, struct slice body, uint64_t spans)
{
    struct response response = {0, ""};
    ProtobufCAllocator allocator = {take, give_back, arena};
    if (!body.length || !open_arena(arena))
        return response;
    const Otlp__Response *unpacked =
        otlp__response__unpack(&allocator, body.length, (const uint8_t *)body.at);
    if (!unpacked || !unpacked->partial_success)
        return response;
    const Otlp__PartialSuccess *partial = unpacked->partial_success;
    response.message = partial->error_message;
    if (partial->rejected_spans > 0)
        response.rejected = (uint64_t)partial->rejected_spans;
    if (response.rejected > spans)
        response.rejected = spans;
    return response;
}

struct slice response_failure(struct arena *arena, struct slice body)
{
    ProtobufCAllocator allocator = {take, give_back, arena};
    if (!body.length || !open_arena(arena))
        return SLICE_NONE;
    const Otlp__Failure *failure =
        otlp__failure__unpack(&allocator, body.length, (const uint8_t *)body.at);
    struct slice message = failure && failure->message[0] ? slice_of(failure->message) : body;
    if (message.length > MESSAGE_BYTES_MOST)
        message.length = MESSAGE_BYTES_MOST;
    return message;
}
