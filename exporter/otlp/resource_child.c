// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/resource_child.h"

#include <stdbool.h>
#include <string.h>

#include "exporter/otlp/wire.h"

#define FIELD (WIRE_TAG(1, WIRE_LENGTH)) /* an attribute of a Resource; the key in a KeyValue */

void resource_format_instance(char into[RESOURCE_UUID_BYTES], const uint8_t u[16])
{
    static const char digits[16] = "0123456789abcdef";
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *into++ = '-';
        *into++ = digits[u[i] >> 4];
        *into++ = digits[u[i] & 15];
    }
    *into = '\0';
}

/* A field of that kind at the front of `text`, which goes on behind it. */
static bool read_field(struct slice *text, struct slice *field)
{
    uint64_t length = 0;
    size_t at = 1;
    if (!text->length || (unsigned char)text->at[0] != FIELD)
        return false;
    for (unsigned shift = 0;; shift += 7) {
        if (at == text->length || shift > 28)
            return false;
        unsigned char byte = (unsigned char)text->at[at++];
        length |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    if (length > text->length - at)
        return false;
    *field = (struct slice){text->at + at, (size_t)length};
    *text = slice_after(*text, at + (size_t)length);
    return true;
}

static unsigned char *put_pair(unsigned char *at, struct slice key, const unsigned char *value,
                               size_t value_bytes)
{
    unsigned char *pair = wire_begin(at, FIELD);
    at = wire_bytes(pair, FIELD, key.at, key.length);
    return wire_end(pair, wire_bytes(at, WIRE_TAG(2, WIRE_LENGTH), value, value_bytes));
}

static unsigned char *put_number(unsigned char *at, struct slice key, uint32_t number)
{
    unsigned char value[16];
    unsigned char *end = wire_number(value, WIRE_TAG(3, WIRE_VARINT), number);
    return put_pair(at, key, value, (size_t)(end - value));
}

static unsigned char *put_instance(unsigned char *at, struct slice key, const uint8_t uuid[16])
{
    char text[RESOURCE_UUID_BYTES];
    unsigned char value[sizeof text + 2];
    resource_format_instance(text, uuid);
    unsigned char *end = wire_bytes(value, FIELD, text, sizeof text - 1);
    return put_pair(at, key, value, (size_t)(end - value));
}

size_t resource_of_child(unsigned char *into, struct slice parents,
                         const struct span_process *child)
{
    unsigned char *at = into;
    struct slice rest = parents;
    struct slice pair, key;
    while (read_field(&rest, &pair)) {
        struct slice inside = pair;
        if (!read_field(&inside, &key))
            key = SLICE_LITERAL("");
        if (slice_equal(key, SLICE_LITERAL("process.pid")) && !(child->kept & SPAN_PROCESS_PID))
            at = put_number(at, key, child->pid);
        else if (slice_equal(key, SLICE_LITERAL("process.parent_pid")) &&
                 !(child->kept & SPAN_PROCESS_PARENT_PID))
            at = put_number(at, key, child->parent_pid);
        else if (slice_equal(key, SLICE_LITERAL("service.instance.id")) &&
                 !(child->kept & SPAN_PROCESS_INSTANCE))
            at = put_instance(at, key, child->instance);
        else
            at = wire_bytes(at, FIELD, pair.at, pair.length);
    }
    if (rest.length)
        memcpy(at, rest.at, rest.length);
    return (size_t)(at - into) + rest.length;
}
