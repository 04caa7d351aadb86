// SPDX-License-Identifier: Apache-2.0
#include "agent/span/span.h"

#include "agent/base/counters.h"

const char *const span_scope_names[SPAN_SCOPE_COUNT] = {
#define SCOPE(id, name, names) [SPAN_SCOPE_##id] = #name,
#include "agent/span/scopes.def"
};

const uint8_t span_scope_follows[SPAN_SCOPE_COUNT] = {
#define SCOPE(id, name, names) [SPAN_SCOPE_##id] = SPAN_NAMES_##names,
#include "agent/span/scopes.def"
};

/* Bytes kept of a text that is an attribute's value. Set before the first span. */
static uint32_t text_most = UINT32_MAX;
/* Bytes of a record that are not to be had without asking. */
static int32_t not_easy = SPAN_RESERVE_BYTES;

void span_limit_texts(int64_t characters)
{
    /* A character takes four bytes at most; four more, so that the cut is behind the last one even
     * where what follows is no UTF-8. */
    bool limited = characters < UINT16_MAX;
    text_most = limited ? (uint32_t)characters * 4 + 4 : UINT32_MAX;
    not_easy = limited ? INT32_MAX : SPAN_RESERVE_BYTES;
}

uint32_t span_text_most(void)
{
    return text_most;
}

static uint32_t padded(uint32_t length)
{
    return (length + 7u) & ~7u;
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

/* Written by the one thread of a forked child, before it begins a span. */
static bool is_process_said;
static struct span_process process_said;

void span_say_process(const struct span_process *process)
{
    is_process_said = process != NULL;
    if (process)
        process_said = *process;
}

__attribute__((cold, noinline)) static void put_process(struct span *span)
{
    struct span_entry *entry = put_head(span->record, SPAN_ENTRY_PROCESS, 0, sizeof process_said);
    memcpy(entry->bytes, &process_said, sizeof process_said);
    span->record->of_process = 1;
}

bool span_find_process(const struct span_record *record, struct span_process *process)
{
    const struct span_entry *entry = record->of_process ? span_next_entry(record, NULL) : NULL;
    if (!entry || entry->kind != SPAN_ENTRY_PROCESS || entry->length < sizeof *process)
        return false;
    memcpy(process, entry->bytes, sizeof *process);
    return true;
}

void span_begin(struct span *span, void *memory, uint32_t capacity, enum span_scope scope,
                enum span_kind kind, const struct span_context *self,
                const struct span_context *parent, uint64_t start_ns)
{
    struct span_record *record = memory;
    span->record = record;
    span->capacity = capacity & ~7u;
    span->easy = (int32_t)span->capacity - not_easy;

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
    if (is_process_said)
        put_process(span);
}

void span_begin_as(struct span *span, void *memory, uint32_t capacity,
                   const struct span_record *head)
{
    struct span_record *record = memory;
    *record = *head;
    record->length = sizeof *record;
    record->of_process = record->has_frames = 0;
    record->facts_at = 0;
    *span = (struct span){record, capacity & ~7u, (int32_t)(capacity & ~7u) - not_easy};
}

void span_resume(struct span *span, struct span_record *record, uint32_t capacity)
{
    *span = (struct span){record, capacity & ~7u, 0};
}

/* Is there room for one more entry of that payload without asking further? Padded, too, because all
 * else is a multiple of 8. */
static inline bool fits_easily(const struct span *span, size_t length)
{
    size_t used = span->record->length + sizeof(struct span_entry);
    return (int64_t)(used + length) <= span->easy;
}

/* May it use the reserve? */
static bool is_kept(enum span_entry_kind kind, unsigned number)
{
    switch (kind) {
    case SPAN_ENTRY_NAME:
    case SPAN_ENTRY_EVENT:
        return true;
    case SPAN_ENTRY_STRING:
    case SPAN_ENTRY_INTEGER:
    case SPAN_ENTRY_BOOLEAN:
        return attribute_is_kept(number);
    default:
        return false;
    }
}

/* The longest payload of one more entry, a multiple of 8; below 0 where not even an empty one
 * fits. */
static int64_t most_of(const struct span *span, enum span_entry_kind kind, unsigned number)
{
    int64_t all =
        (int64_t)span->capacity - span->record->length - (int64_t)sizeof(struct span_entry);
    int64_t beside_reserve = all - SPAN_RESERVE_BYTES;
    if (beside_reserve >= SPAN_KEPT_BYTES || !is_kept(kind, number))
        return beside_reserve;
    return all < SPAN_KEPT_BYTES ? all : SPAN_KEPT_BYTES;
}

/* The most that the configuration wants of a text. The exporter, which counts characters, cuts
 * once more; what is read again here, for route and name, is as long as they need it. */
static int64_t most_wanted(enum span_entry_kind kind, unsigned number)
{
    bool is_header = kind == SPAN_ENTRY_REQUEST_HEADER || kind == SPAN_ENTRY_RESPONSE_HEADER;
    if (kind != SPAN_ENTRY_STRING && !is_header)
        return INT64_MAX;
    int64_t least = 0;
    if (!is_header && number == ATTRIBUTE_URL_PATH)
        least = SPAN_PATH_BYTES;
    else if (is_kept(kind, number))
        least = SPAN_KEPT_BYTES;
    return text_most > least ? text_most : least;
}

/* An entry was left out. An event's attributes must not become its predecessor's: nothing follows
 * it then. */
static void drop(struct span *span, enum span_entry_kind kind)
{
    span->record->dropped_attributes++;
    if (kind == SPAN_ENTRY_EVENT)
        *span = (struct span){span->record, 0, 0};
}

/* Is there room for so much? Else it is dropped. Not inlined, here and below, because it is asked
 * of the very few that are too long or come too late. */
__attribute__((noinline)) static bool fits_late(struct span *span, enum span_entry_kind kind,
                                                unsigned number, uint32_t length)
{
    if (most_of(span, kind, number) >= (int64_t)padded(length))
        return true;
    drop(span, kind);
    return false;
}

/* The longest prefix of at most `limit` bytes that does not end inside a UTF-8 sequence. */
static uint32_t cut(struct slice text, uint32_t limit)
{
    if (text.length <= limit)
        return (uint32_t)text.length;
    uint32_t length = limit;
    while (length && limit - length < 3 && ((unsigned char)text.at[length] & 0xc0) == 0x80)
        length--;
    /* Four in a row: that is no UTF-8, and can be cut anywhere. */
    return ((unsigned char)text.at[length] & 0xc0) == 0x80 ? limit : length;
}

struct slice span_cut(struct slice text, uint32_t most)
{
    text.length = cut(text, most);
    return text;
}

/* Parts that may have to be cut. */
__attribute__((noinline)) static void append_cut(struct span *span, enum span_entry_kind kind,
                                                 unsigned number, const struct slice *parts,
                                                 size_t count)
{
    int64_t most = most_of(span, kind, number);
    int64_t wanted = most_wanted(kind, number);
    uint32_t limit = most < 0 ? 0 : (uint32_t)(wanted < most ? wanted : most);
    uint32_t length = 0;
    uint32_t kept_of_last = 0;
    size_t kept = 0;
    bool whole = true;
    while (kept < count && whole) {
        kept_of_last = cut(parts[kept], limit - length);
        whole = kept_of_last == parts[kept++].length;
        length += kept_of_last;
    }
    /* Nothing of a text is not an empty text. */
    if (most < 0 || (!length && !whole)) {
        drop(span, kind);
        return;
    }
    struct span_entry *entry = put_head(span->record, kind, number, length);
    unsigned char *at = entry->bytes;
    for (size_t i = 0; i < kept; i++) {
        size_t part = i + 1 == kept ? kept_of_last : parts[i].length;
        if (part)
            memcpy(at, parts[i].at, part);
        at += part;
    }
}

/* Nearly every text fits: that is decided first and costs a fraction of what cutting does. */
static inline void append_parts(struct span *span, enum span_entry_kind kind, unsigned number,
                                const struct slice *parts, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    if (!fits_easily(span, length)) {
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
    if (!fits_easily(span, text.length)) {
        append_cut(span, kind, number, &text, 1);
        return;
    }
    struct span_entry *entry = put_head(span->record, kind, number, (uint32_t)text.length);
    memcpy(entry->bytes, text.at, text.length);
}

static void append_integer(struct span *span, enum span_entry_kind kind, unsigned number,
                           int64_t value)
{
    if (!fits_easily(span, sizeof value) && !fits_late(span, kind, number, sizeof value))
        return;
    struct span_entry *entry = put_head(span->record, kind, number, sizeof value);
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

/* Bytes of the value that are kept; below 0 where not even the key has room. */
static int64_t header_most(const struct span *span, enum span_entry_kind kind, struct slice key)
{
    int64_t most = most_of(span, kind, 0) - (int64_t)key.length - 1;
    int64_t wanted = most_wanted(kind, 0);
    return wanted < most ? wanted : most;
}

void span_header(struct span *span, bool request, struct slice key, struct slice value)
{
    enum span_entry_kind kind = request ? SPAN_ENTRY_REQUEST_HEADER : SPAN_ENTRY_RESPONSE_HEADER;
    if (!fits_easily(span, key.length + 1 + value.length)) {
        int64_t most = header_most(span, kind, key);
        uint32_t kept =
            most < 0 ? 0 : cut(value, (uint32_t)(most < UINT16_MAX ? most : UINT16_MAX));
        if (most < 0 || (!kept && value.length)) {
            drop(span, kind);
            return;
        }
        value.length = kept;
    }
    struct span_entry *entry =
        put_head(span->record, kind, 0, (uint32_t)(key.length + 1 + value.length));
    for (size_t i = 0; i < key.length; i++)
        entry->bytes[i] = (unsigned char)slice_lower(key.at[i]);
    entry->bytes[key.length] = 0;
    if (value.length)
        memcpy(entry->bytes + key.length + 1, value.at, value.length);
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
    uint32_t length = (uint32_t)frames.length;
    if (!fits_easily(span, length) && !fits_late(span, SPAN_ENTRY_FRAMES, 0, length))
        return;
    struct span_entry *entry = put_head(span->record, SPAN_ENTRY_FRAMES, 0, length);
    memcpy(entry->bytes, frames.at, frames.length);
    span->record->has_frames = 1;
}

void *span_facts_begin(const struct span *span, uint32_t *most)
{
    uint32_t used = span->record->length + (uint32_t)sizeof(struct span_entry);
    if (span->capacity < used + SPAN_RESERVE_BYTES)
        return NULL;
    *most = span->capacity - SPAN_RESERVE_BYTES - used;
    return (unsigned char *)span->record + used;
}

void span_facts_end(struct span *span, enum span_facts kind, uint32_t bytes)
{
    span->record->facts_at = (uint16_t)span->record->length;
    put_head(span->record, SPAN_ENTRY_FACTS, kind, bytes);
}

const struct span_entry *span_find_facts(const struct span_record *record)
{
    uint32_t at = record->facts_at;
    if (at < sizeof *record || at % 8 || at + sizeof(struct span_entry) > record->length)
        return NULL;
    const struct span_entry *entry =
        (const struct span_entry *)((const unsigned char *)record + at);
    bool within = entry->length <= record->length - at - sizeof *entry;
    return within && entry->kind == SPAN_ENTRY_FACTS ? entry : NULL;
}

void span_entry(struct span *span, const struct span_entry *entry)
{
    enum span_entry_kind kind = (enum span_entry_kind)entry->kind;
    if (!fits_easily(span, entry->length) && !fits_late(span, kind, entry->number, entry->length))
        return;
    struct span_entry *copy = put_head(span->record, kind, entry->number, entry->length);
    memcpy(copy->bytes, entry->bytes, entry->length);
    span->record->of_process |= kind == SPAN_ENTRY_PROCESS;
    span->record->has_frames |= kind == SPAN_ENTRY_FRAMES;
}

void span_link(struct span *span, const struct span_context *to)
{
    if (!fits_easily(span, 24) && !fits_late(span, SPAN_ENTRY_LINK, 0, 24))
        return;
    struct span_entry *entry = put_head(span->record, SPAN_ENTRY_LINK, 0, 24);
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
