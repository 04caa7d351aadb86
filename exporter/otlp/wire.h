// SPDX-License-Identifier: Apache-2.0
/* wire.h - protobuf's wire format, written forward into memory known to be large enough.
 *
 * Each function writes at `at` and returns the position after what it wrote. None checks for
 * room: the encoder bounds a record's encoding before it begins (otlp.c).
 * Source: protobuf.dev, "Encoding". */
#ifndef EXPORTER_WIRE_H
#define EXPORTER_WIRE_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_FIXED32 = 5 };

/* The byte, or bytes as a number, that begin a field: field numbers up to 15 take one. */
#define WIRE_TAG(field, type) ((unsigned)(field) << 3 | (type))

static inline unsigned char *wire_varint(unsigned char *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (unsigned char)value;
    return at;
}

/* Bytes that wire_varint() writes for `value`. */
static inline size_t wire_varint_bytes(uint64_t value)
{
    size_t bytes = 1;
    while (value >= 0x80) {
        value >>= 7;
        bytes++;
    }
    return bytes;
}

static inline unsigned char *wire_fixed64(unsigned char *at, unsigned tag, uint64_t value)
{
    *at++ = (unsigned char)tag;
    value = htole64(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline unsigned char *wire_fixed32(unsigned char *at, unsigned tag, uint32_t value)
{
    at = wire_varint(at, tag);
    value = htole32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline unsigned char *wire_number(unsigned char *at, unsigned tag, uint64_t value)
{
    *at++ = (unsigned char)tag;
    return wire_varint(at, value);
}

static inline unsigned char *wire_bytes(unsigned char *at, unsigned tag, const void *bytes,
                                        size_t length)
{
    *at++ = (unsigned char)tag;
    at = wire_varint(at, length);
    if (length)
        memcpy(at, bytes, length);
    return at + length;
}

/* A nested message whose length is not known yet: begin returns where its body starts and leaves
 * two bytes for the length, because most spans take 128 to 16,383 bytes; end moves the body
 * where the guess was wrong, so that the length is always in its shortest form. */
static inline unsigned char *wire_begin(unsigned char *at, unsigned tag)
{
    *at = (unsigned char)tag;
    return at + 3;
}

static inline unsigned char *wire_end(unsigned char *body, const unsigned char *end)
{
    size_t length = (size_t)(end - body);
    if (length - 0x80 < 0x4000 - 0x80) {
        body[-2] = (unsigned char)(length | 0x80);
        body[-1] = (unsigned char)(length >> 7);
        return body + length;
    }
    size_t bytes = wire_varint_bytes(length);
    unsigned char *start = body - 2;
    memmove(start + bytes, body, length);
    wire_varint(start, length);
    return start + bytes + length;
}

#endif
