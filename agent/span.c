// SPDX-License-Identifier: Apache-2.0
#include "agent/span.h"

#include "agent/counters.h"

const char *const span_scope_names[SPAN_SCOPE_COUNT] = {
    [SPAN_SCOPE_HTTP] = "http",
    [SPAN_SCOPE_MYSQL] = "mysql",
    [SPAN_SCOPE_CURL] = "curl",
};

static uint32_t padded(uint32_t length)
{
    return (length + 7u) & ~7u;
}

void span_begin(struct span *span, void *memory, uint32_t capacity, enum span_scope scope,
                enum span_kind kind, const struct span_context *self,
                const struct span_context *parent, uint64_t start_ns)
{
    struct span_record *record = memory;
    span->record = record;
    span->capacity = capacity & ~7u;

    memset(record, 0, sizeof *record);
    record->length = sizeof *record;
    record->kind = (uint8_t)kind;
    record->scope = (uint8_t)scope;
    record->flags = self->flags;
    memcpy(record->trace_id, self->trace_id, sizeof record->trace_id);
    memcpy(record->span_id, self->span_id, sizeof record->span_id);
    if (parent && span_context_present(parent)) {
        memcpy(record->parent_id, parent->span_id, sizeof record->parent_id);
        record->parent_remote = parent->remote;
    }
    record->start_ns = start_ns;
}

/* For the payload of one more entry. 0 also where not even an empty one fits: see append(). */
static uint32_t room(const struct span *span)
{
    uint32_t used = span->record->length + (uint32_t)sizeof(struct span_entry);
    return used < span->capacity ? span->capacity - used : 0;
}

/* Fills the head of the entry that begins where the record ends, and lengthens the record. The
 * entry is known to fit. */
static inline struct span_entry *put_head(struct span_record *record, enum span_entry_kind kind,
                                          unsigned number, uint32_t length)
{
    struct span_entry *entry = (struct span_entry *)((unsigned char *)record + record->length);
    entry->number = (uint16_t)number;
    entry->kind = (uint8_t)kind;
    entry->reserved = 0;
    entry->length = length;
    record->length += (uint32_t)sizeof *entry + padded(length);
    return entry;
}

/* An entry with an uninitialised payload of `length` bytes, or NULL where it does not fit. */
static inline struct span_entry *append(struct span *span, enum span_entry_kind kind,
                                        unsigned number, uint32_t length)
{
    struct span_record *record = span->record;
    /* Both numbers are at most `capacity`, so this does not wrap. */
    uint32_t left = span->capacity - record->length;
    if (left < sizeof(struct span_entry) || padded(length) > left - sizeof(struct span_entry)) {
        record->dropped_attributes++;
        return NULL;
    }
    return put_head(record, kind, number, length);
}

/* The longest prefix of at most `limit` bytes that does not end inside a UTF-8 sequence. */
static uint32_t cut(struct slice text, uint32_t limit)
{
    if (text.length <= limit)
        return (uint32_t)text.length;
    uint32_t length = limit;
    while (length && ((unsigned char)text.at[length] & 0xc0) == 0x80)
        length--;
    return length;
}

/* Parts that may have to be cut. */
static void append_cut(struct span *span, enum span_entry_kind kind, unsigned number,
                       const struct slice *parts, size_t count)
{
    uint32_t limit = room(span) & ~7u;
    uint32_t length = 0;
    uint32_t kept_of_last = 0;
    size_t kept = 0;
    while (kept < count && length < limit) {
        kept_of_last = cut(parts[kept++], limit - length);
        length += kept_of_last;
    }
    struct span_entry *entry = append(span, kind, number, length);
    if (!entry)
        return;
    unsigned char *at = entry->bytes;
    for (size_t i = 0; i < kept; i++) {
        size_t part = i + 1 == kept ? kept_of_last : parts[i].length;
        if (part)
            memcpy(at, parts[i].at, part);
        at += part;
    }
}

/* Nearly every text fits: that is decided first and costs a fraction of what cutting does. `limit`
 * is 0 where not even an empty entry fits, or a multiple of 8, so what fits does so padded. */
static inline void append_parts(struct span *span, enum span_entry_kind kind, unsigned number,
                                const struct slice *parts, size_t count)
{
    size_t limit = room(span);
    size_t length = 0;
    for (size_t i = 0; i < count && length < limit; i++)
        length += parts[i].length;
    if (length >= limit) {
        append_cut(span, kind, number, parts, count);
        return;
    }
    struct span_entry *entry = put_head(span->record, kind, number, (uint32_t)length);
    unsigned char *at = entry->bytes;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length)
            memcpy(at, parts[i].at, parts[i].length);
        at += parts[i].length;
    }
}

static inline void append_text(struct span *span, enum span_entry_kind kind, unsigned number,
                               struct slice text)
{
    if (!text.at)
        return;
    if (text.length >= room(span)) {
        append_cut(span, kind, number, &text, 1);
        return;
    }
    struct span_entry *entry = put_head(span->record, kind, number, (uint32_t)text.length);
    memcpy(entry->bytes, text.at, text.length);
}

static void append_integer(struct span *span, enum span_entry_kind kind, unsigned number,
                           int64_t value)
{
    struct span_entry *entry = append(span, kind, number, sizeof value);
    if (entry)
        memcpy(entry->bytes, &value, sizeof value);
}

void span_name(struct span *span, struct slice name)
{
    append_text(span, SPAN_ENTRY_NAME, 0, name);
}

void span_joined_name(struct span *span, const struct slice *parts, size_t count)
{
    append_parts(span, SPAN_ENTRY_NAME, 0, parts, count);
}

void span_tracestate(struct span *span, struct slice value)
{
    append_text(span, SPAN_ENTRY_TRACESTATE, 0, value);
}

void span_string(struct span *span, enum attribute attribute, struct slice value)
{
    append_text(span, SPAN_ENTRY_STRING, attribute, value);
}

void span_joined(struct span *span, enum attribute attribute, const struct slice *parts,
                 size_t count)
{
    append_parts(span, SPAN_ENTRY_STRING, attribute, parts, count);
}

void span_integer(struct span *span, enum attribute attribute, int64_t value)
{
    append_integer(span, SPAN_ENTRY_INTEGER, attribute, value);
}

void span_boolean(struct span *span, enum attribute attribute, bool value)
{
    append_integer(span, SPAN_ENTRY_BOOLEAN, attribute, value);
}

void span_header(struct span *span, bool request, struct slice key, struct slice value)
{
    uint32_t free_bytes = room(span) & ~7u;
    if (key.length + 1 > free_bytes) {
        span->record->dropped_attributes++;
        return;
    }
    uint32_t kept = cut(value, free_bytes - (uint32_t)key.length - 1);
    struct span_entry *entry =
        append(span, request ? SPAN_ENTRY_REQUEST_HEADER : SPAN_ENTRY_RESPONSE_HEADER, 0,
               (uint32_t)key.length + 1 + kept);
    if (!entry)
        return;
    for (size_t i = 0; i < key.length; i++)
        entry->bytes[i] = (unsigned char)slice_lower(key.at[i]);
    entry->bytes[key.length] = 0;
    if (kept)
        memcpy(entry->bytes + key.length + 1, value.at, kept);
}

void span_error(struct span *span, struct slice message)
{
    span->record->status = SPAN_STATUS_ERROR;
    span_boolean(span, ATTRIBUTE_ERROR, true);
    append_text(span, SPAN_ENTRY_STATUS_MESSAGE, 0, message);
}

__attribute__((cold, noinline)) void span_masked(struct span *span)
{
    if (span->record->masked)
        return;
    span->record->masked = 1;
    span_boolean(span, ATTRIBUTE_SECURITY_DATA_MASKED, true);
    counters_add(&counters.spans_masked, 1);
}

void span_event(struct span *span, enum event event, uint64_t time_ns)
{
    append_integer(span, SPAN_ENTRY_EVENT, event, (int64_t)time_ns);
}

void span_frames(struct span *span, struct slice frames)
{
    struct span_entry *entry = append(span, SPAN_ENTRY_FRAMES, 0, (uint32_t)frames.length);
    if (!entry)
        return;
    memcpy(entry->bytes, frames.at, frames.length);
    span->record->has_frames = 1;
}

void span_link(struct span *span, const struct span_context *to)
{
    struct span_entry *entry = append(span, SPAN_ENTRY_LINK, 0, 24);
    if (!entry)
        return;
    memcpy(entry->bytes, to->trace_id, 16);
    memcpy(entry->bytes + 16, to->span_id, 8);
}

void span_end(struct span *span, uint64_t end_ns)
{
    /* The clock of a send is read before it; another thread may have begun the span since. */
    uint64_t start_ns = span->record->start_ns;
    span->record->end_ns = end_ns > start_ns ? end_ns : start_ns;
}

static const struct span_entry *find(const struct span_record *record, enum span_entry_kind kind,
                                     unsigned number)
{
    for (const struct span_entry *entry = span_next_entry(record, NULL); entry;
         entry = span_next_entry(record, entry))
        if (entry->kind == kind && entry->number == number)
            return entry;
    return NULL;
}

struct slice span_find_string(const struct span_record *record, enum attribute attribute)
{
    const struct span_entry *entry = find(record, SPAN_ENTRY_STRING, attribute);
    return entry ? span_entry_text(entry) : SLICE_NONE;
}

bool span_find_integer(const struct span_record *record, enum attribute attribute, int64_t *value)
{
    const struct span_entry *entry = find(record, SPAN_ENTRY_INTEGER, attribute);
    if (entry)
        *value = span_entry_integer(entry);
    return entry != NULL;
}

struct slice span_find_name(const struct span_record *record)
{
    const struct span_entry *entry = find(record, SPAN_ENTRY_NAME, 0);
    return entry ? span_entry_text(entry) : SLICE_NONE;
}
