// SPDX-License-Identifier: Apache-2.0
/* span_fields.h - the fields of a Span, and those of them that every span has. */
#ifndef EXPORTER_SPAN_FIELDS_H
#define EXPORTER_SPAN_FIELDS_H

#include "agent/span/span.h"
#include "config/config.h"
#include "exporter/otlp/memo.h"
#include "exporter/otlp/name.h"
#include "exporter/otlp/wire.h"

#define OTLP_FLAG_HAS_REMOTE 0x100u /* Span.flags: the next bit is meaningful */
#define OTLP_FLAG_IS_REMOTE  0x200u /* Span.flags: the parent lives in another process */

#define SPAN_WIRE_WORDS_BYTES 32768

/* What encoding a span needs. */
struct span_wire {
    const struct config *config;
    char *scratch;    /* room for the repaired text of any record */
    void *words;      /* SPAN_WIRE_WORDS_BYTES, aligned to 8: for what facts make */
    struct memo memo; /* of that, encoded */
};

/* Fields of Span; those of smaller messages stand where they are used. */
enum {
    SPAN_TRACE_ID = WIRE_TAG(1, WIRE_LENGTH),
    SPAN_SPAN_ID = WIRE_TAG(2, WIRE_LENGTH),
    SPAN_TRACE_STATE = WIRE_TAG(3, WIRE_LENGTH),
    SPAN_PARENT_SPAN_ID = WIRE_TAG(4, WIRE_LENGTH),
    SPAN_NAME = WIRE_TAG(5, WIRE_LENGTH),
    SPAN_KIND = WIRE_TAG(6, WIRE_VARINT),
    SPAN_START = WIRE_TAG(7, WIRE_FIXED64),
    SPAN_END = WIRE_TAG(8, WIRE_FIXED64),
    SPAN_ATTRIBUTES = WIRE_TAG(9, WIRE_LENGTH),
    SPAN_DROPPED_ATTRIBUTES = WIRE_TAG(10, WIRE_VARINT),
    SPAN_EVENTS = WIRE_TAG(11, WIRE_LENGTH),
    SPAN_DROPPED_EVENTS = WIRE_TAG(12, WIRE_VARINT),
    SPAN_LINKS = WIRE_TAG(13, WIRE_LENGTH),
    SPAN_DROPPED_LINKS = WIRE_TAG(14, WIRE_VARINT),
    SPAN_STATUS = WIRE_TAG(15, WIRE_LENGTH),
    SPAN_FLAGS = WIRE_TAG(16, WIRE_FIXED32),
    STATUS_CODE = WIRE_TAG(3, WIRE_VARINT),
    VALUE_STRING = WIRE_TAG(1, WIRE_LENGTH),
    VALUE_BOOLEAN = WIRE_TAG(2, WIRE_VARINT),
    VALUE_INTEGER = WIRE_TAG(3, WIRE_VARINT),
    VALUE_ARRAY = WIRE_TAG(5, WIRE_LENGTH)
};

/* What the memo has of a part of a span's facts: this, the attributes, then the name where that
 * part has it. */
struct told {
    uint16_t attribute_bytes;
    uint16_t name_bytes;
    uint8_t attributes;
    uint8_t status; /* of the span from then on */
    uint8_t reserved[2];
};

/* Does it have names of the older generation, too? */
static inline bool says_older(const struct config *config, const struct span_record *record)
{
    bool is_database = span_scope_follows[record->scope] == SPAN_NAMES_DATABASE;
    return config->semconv & (is_database ? SEMCONV_DATABASE_OLDER : SEMCONV_HTTP_OLDER);
}

static inline unsigned char *put_ids_and_times(unsigned char *at, const struct span_record *record,
                                               int64_t unix_offset_ns)
{
    uint64_t parent;
    memcpy(&parent, record->parent_id, sizeof parent);
    at = wire_bytes(at, SPAN_TRACE_ID, record->trace_id, sizeof record->trace_id);
    at = wire_bytes(at, SPAN_SPAN_ID, record->span_id, sizeof record->span_id);
    if (parent) /* all zero: a root */
        at = wire_bytes(at, SPAN_PARENT_SPAN_ID, record->parent_id, sizeof record->parent_id);
    at = wire_number(at, SPAN_KIND, record->kind);
    at = wire_fixed64(at, SPAN_START, record->start_ns + (uint64_t)unix_offset_ns);
    return wire_fixed64(at, SPAN_END, record->end_ns + (uint64_t)unix_offset_ns);
}

static inline unsigned char *put_flags(unsigned char *at, const struct span_record *record)
{
    uint32_t flags = record->flags | OTLP_FLAG_HAS_REMOTE;
    if (record->parent_remote)
        flags |= OTLP_FLAG_IS_REMOTE;
    return wire_fixed32(at, SPAN_FLAGS, flags);
}

/* A number, or a boolean, under the first `count` names. */
static inline unsigned char *put_value(unsigned char *at, unsigned tag, const struct name_row *row,
                                       unsigned count, unsigned value_tag, uint64_t value)
{
    /* The AnyValue with its length; a copy of constant size is two instructions, what is too much
     * is overwritten. */
    unsigned char encoded[16];
    size_t bytes = (size_t)(wire_number(encoded + 1, value_tag, value) - encoded);
    encoded[0] = (unsigned char)(bytes - 1);
    for (unsigned i = 0; i < count; i++) {
        const struct name *name = &row->names[i];
        at[0] = (unsigned char)tag;
        at[1] = (unsigned char)(name->length + bytes);
        memcpy(at + 2, name, sizeof *name);
        at += 2 + name->length;
        memcpy(at, encoded, sizeof encoded);
        at += bytes;
    }
    return at;
}

_Static_assert(NAME_BYTES + 12 < 128, "the length takes a byte");

#endif
