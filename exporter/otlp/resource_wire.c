// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/resource_wire.h"

#include <stdbool.h>
#include <string.h>

#include "agent/base/random.h"
#include "exporter/otlp/wire.h"

/* An attribute of a Resource, the key in a KeyValue, the text in its value; and that value. */
#define FIELD WIRE_TAG(1, WIRE_LENGTH)
#define VALUE WIRE_TAG(2, WIRE_LENGTH)

void resource_make_instance(uint8_t u[16])
{
    uint64_t random[2] = {random_next(), random_next()};
    memcpy(u, random, sizeof random);
    u[6] = (uint8_t)((u[6] & 0x0f) | 0x40);
    u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
}

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

unsigned char *resource_put_text(unsigned char *at, struct slice key, struct slice text)
{
    unsigned char *pair = wire_begin(at, FIELD);
    at = wire_bytes(pair, FIELD, key.at, key.length);
    unsigned char *value = wire_begin(at, VALUE);
    return wire_end(pair, wire_end(value, wire_bytes(value, FIELD, text.at, text.length)));
}

unsigned char *resource_put_number(unsigned char *at, struct slice key, uint64_t number)
{
    unsigned char *pair = wire_begin(at, FIELD);
    at = wire_bytes(pair, FIELD, key.at, key.length);
    unsigned char *value = wire_begin(at, VALUE);
    at = wire_number(value, WIRE_TAG(3, WIRE_VARINT), number);
    return wire_end(pair, wire_end(value, at));
}

static unsigned char *put_instance(unsigned char *at, struct slice key, const uint8_t uuid[16])
{
    char text[RESOURCE_UUID_BYTES];
    resource_format_instance(text, uuid);
    return resource_put_text(at, key, slice_of(text));
}

/* Which of what tells processes apart, as SPAN_PROCESS_*; 0: none. */
static uint32_t which_of(struct slice key)
{
    if (slice_equal(key, SLICE_LITERAL("process.pid")))
        return SPAN_PROCESS_PID;
    if (slice_equal(key, SLICE_LITERAL("process.parent_pid")))
        return SPAN_PROCESS_PARENT_PID;
    return slice_equal(key, SLICE_LITERAL("service.instance.id")) ? SPAN_PROCESS_INSTANCE : 0;
}

size_t resource_of_child(unsigned char *into, struct slice parents,
                         const struct span_process *child)
{
    unsigned char *at = into;
    struct slice rest = parents;
    struct slice pair, key;
    uint32_t over = child->kept; /* SPAN_PROCESS_*: said by the user, or here once */
    while (read_field(&rest, &pair)) {
        struct slice inside = pair;
        uint32_t which = read_field(&inside, &key) ? which_of(key) & ~over : 0;
        over |= which;
        if (which == SPAN_PROCESS_PID)
            at = resource_put_number(at, key, child->pid);
        else if (which == SPAN_PROCESS_PARENT_PID)
            at = resource_put_number(at, key, child->parent_pid);
        else if (which == SPAN_PROCESS_INSTANCE)
            at = put_instance(at, key, child->instance);
        else
            at = wire_bytes(at, FIELD, pair.at, pair.length);
    }
    if (rest.length)
        memcpy(at, rest.at, rest.length);
    return (size_t)(at - into) + rest.length;
}
