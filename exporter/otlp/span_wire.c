// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/span_wire.h"

#include "agent/describe/describe.h"
#include "exporter/base/utf8.h"
#include "exporter/otlp/name.h"
#include "exporter/otlp/place.h"
#include "exporter/otlp/span_fields.h"
#include "exporter/otlp/span_plain.h"
#include "exporter/otlp/wire.h"

/* Fields of the messages within. */
enum {
    EVENT_TIME = WIRE_TAG(1, WIRE_FIXED64),
    EVENT_NAME = WIRE_TAG(2, WIRE_LENGTH),
    EVENT_ATTRIBUTES = WIRE_TAG(3, WIRE_LENGTH),
    EVENT_DROPPED_ATTRIBUTES = WIRE_TAG(4, WIRE_VARINT),
    KEY_VALUE_KEY = WIRE_TAG(1, WIRE_LENGTH),
    KEY_VALUE_VALUE = WIRE_TAG(2, WIRE_LENGTH)
};

/* A record on its way: where it is written to, and what is only known at its end. */
struct writing {
    const struct config *config;
    char *scratch; /* for repaired text */
    const struct span_record *record;
    int64_t unix_offset_ns;
    unsigned char *at;
    bool older; /* names of the older generation, too */

    struct place span;
    struct place in_event;
    struct place *place;  /* one of the two */
    unsigned char *event; /* body of the event being written, or NULL */
    bool skip_event;      /* the event is beyond the limit, and so are its attributes */
    int64_t events;
    uint32_t dropped_events;
    uint32_t links;
    struct slice name;
    struct slice encoded_name; /* instead of that, as a field of Span */
    unsigned char *named_at;   /* where it has been written once already */
    struct slice trace_state;
    struct slice status_message;
    uint8_t status;
};

static struct slice clean(const struct writing *w, struct slice text, int64_t limit)
{
    return utf8_clean(text, (size_t)limit, w->scratch);
}

static unsigned char *put_text(const struct writing *w, unsigned char *at, unsigned tag,
                               struct slice text)
{
    struct slice valid = clean(w, text, INT32_MAX);
    return wire_bytes(at, tag, valid.at, valid.length);
}

static uint64_t unix_ns(const struct writing *w, uint64_t monotonic_ns)
{
    return monotonic_ns + (uint64_t)w->unix_offset_ns;
}

/* Begins a KeyValue with that name whose AnyValue will take `value_bytes`. */
static inline unsigned char *put_key(unsigned char *at, unsigned tag, const struct name *name,
                                     size_t value_bytes)
{
    size_t length = name->length + wire_varint_bytes(value_bytes) + value_bytes;
    *at++ = (unsigned char)tag;
    at = wire_varint(at, length);
    /* A copy of constant size is a few instructions; what is too much is overwritten. */
    memcpy(at, name, sizeof *name);
    return wire_varint(at + name->length, value_bytes);
}

/* Text so short that, whatever its name, each of the four lengths around it takes one byte. */
#define SHORT_TEXT_MOST (127 - NAME_BYTES - 3)

static inline unsigned char *put_short(unsigned char *at, unsigned tag, const struct name *name,
                                       struct slice text)
{
    at[0] = (unsigned char)tag;
    at[1] = (unsigned char)(name->length + 3 + text.length);
    memcpy(at + 2, name, sizeof *name);
    at += 2 + name->length;
    at[0] = (unsigned char)(2 + text.length);
    at[1] = VALUE_STRING;
    at[2] = (unsigned char)text.length;
    memcpy(at + 3, text.at, text.length);
    return at + 3 + text.length;
}

static inline void put_string(struct writing *w, const struct span_entry *entry)
{
    const struct name_row *row = name_row(entry->number);
    unsigned count = place_take(w->place, entry, row->counts[w->older]);
    struct slice text = clean(w, span_entry_text(entry), w->config->attribute_value_length_limit);
    bool is_short = text.length <= SHORT_TEXT_MOST;
    size_t value_bytes = is_short ? 0 : 1 + wire_varint_bytes(text.length) + text.length;
    for (unsigned i = 0; i < count; i++) {
        if (is_short) {
            w->at = put_short(w->at, w->place->tag, &row->names[i], text);
            continue;
        }
        w->at = put_key(w->at, w->place->tag, &row->names[i], value_bytes);
        w->at = wire_bytes(w->at, VALUE_STRING, text.at, text.length);
    }
}

static inline void put_number(struct writing *w, const struct span_entry *entry, unsigned value_tag)
{
    const struct name_row *row = name_row(entry->number);
    unsigned count = place_take(w->place, entry, row->counts[w->older]);
    w->at =
        put_value(w->at, w->place->tag, row, count, value_tag, (uint64_t)span_entry_integer(entry));
}

static struct slice header_key(const struct span_entry *entry)
{
    struct slice text = span_entry_text(entry);
    text.length = slice_find(text, '\0');
    return text;
}

static struct slice header_value(const struct span_entry *entry)
{
    struct slice text = span_entry_text(entry);
    size_t key = slice_find(text, '\0');
    return slice_after(text, key < text.length ? key + 1 : key);
}

static bool same_header(const struct span_entry *a, const struct span_entry *b)
{
    return a->kind == b->kind && slice_equal(header_key(a), header_key(b));
}

/* An array of the values of all lines with this header's name: keys have to be unique. */
static void put_header(struct writing *w, const struct span_entry *entry)
{
    const struct span_entry *other = NULL;
    while ((other = span_next_entry(w->record, other)) != entry)
        if (same_header(other, entry))
            return; /* went out with the first one */
    if (!place_take(w->place, entry, 1))
        return;

    struct slice prefix = entry->kind == SPAN_ENTRY_REQUEST_HEADER
                              ? SLICE_LITERAL("http.request.header.")
                              : SLICE_LITERAL("http.response.header.");
    struct slice key = clean(w, header_key(entry), INT32_MAX);
    unsigned char *pair = wire_begin(w->at, w->place->tag);
    *pair = KEY_VALUE_KEY;
    unsigned char *at = wire_varint(pair + 1, prefix.length + key.length);
    memcpy(at, prefix.at, prefix.length);
    at += prefix.length;
    if (key.length)
        memcpy(at, key.at, key.length);
    at += key.length;

    unsigned char *value = wire_begin(at, KEY_VALUE_VALUE);
    unsigned char *array = wire_begin(value, VALUE_ARRAY);
    at = array;
    for (other = entry; other; other = span_next_entry(w->record, other)) {
        if (!same_header(other, entry))
            continue;
        struct slice text = clean(w, header_value(other), w->config->attribute_value_length_limit);
        unsigned char *element = wire_begin(at, WIRE_TAG(1, WIRE_LENGTH));
        at = wire_end(element, wire_bytes(element, VALUE_STRING, text.at, text.length));
    }
    w->at = wire_end(pair, wire_end(value, wire_end(array, at)));
}

static void end_event(struct writing *w)
{
    if (!w->event)
        return;
    if (w->in_event.dropped)
        w->at = wire_number(w->at, EVENT_DROPPED_ATTRIBUTES, w->in_event.dropped);
    w->at = wire_end(w->event, w->at);
    w->event = NULL;
    w->place = &w->span;
}

static void begin_event(struct writing *w, const struct span_entry *entry)
{
    end_event(w);
    w->skip_event = w->events >= w->config->event_count_limit || entry->number >= EVENT_COUNT;
    if (w->skip_event) {
        w->dropped_events++;
        return;
    }
    w->events++;
    w->in_event =
        (struct place){.tag = EVENT_ATTRIBUTES, .easy = w->config->event_attribute_count_limit};
    w->place = &w->in_event;
    w->event = wire_begin(w->at, SPAN_EVENTS);
    w->at = wire_fixed64(w->event, EVENT_TIME, unix_ns(w, (uint64_t)span_entry_integer(entry)));
    const char *name = event_names[entry->number];
    w->at = wire_bytes(w->at, EVENT_NAME, name, strlen(name));
}

static void put_links(struct writing *w)
{
    int64_t count = 0;
    uint32_t dropped = 0;
    for (const struct span_entry *entry = span_next_entry(w->record, NULL); entry;
         entry = span_next_entry(w->record, entry)) {
        if (entry->kind != SPAN_ENTRY_LINK || entry->length < 24)
            continue;
        if (count >= w->config->link_count_limit) {
            dropped++;
            continue;
        }
        count++;
        unsigned char *link = wire_begin(w->at, SPAN_LINKS);
        w->at = wire_bytes(link, WIRE_TAG(1, WIRE_LENGTH), entry->bytes, 16);
        w->at = wire_bytes(w->at, WIRE_TAG(2, WIRE_LENGTH), entry->bytes + 16, 8);
        w->at = wire_end(link, w->at);
    }
    if (dropped)
        w->at = wire_number(w->at, SPAN_DROPPED_LINKS, dropped);
}

/* The first of each of the three texts that are no attributes counts, as span_find_name() has it.
 */
static void keep_first(struct slice *kept, const struct span_entry *entry)
{
    if (!kept->at)
        *kept = span_entry_text(entry);
}

static inline void put_entry(struct writing *w, const struct span_entry *entry)
{
    switch (entry->kind) {
    case SPAN_ENTRY_NAME:
        keep_first(&w->name, entry);
        return;
    case SPAN_ENTRY_TRACESTATE:
        keep_first(&w->trace_state, entry);
        return;
    case SPAN_ENTRY_STATUS_MESSAGE:
        keep_first(&w->status_message, entry);
        return;
    case SPAN_ENTRY_LINK:
        w->links++;
        return;
    case SPAN_ENTRY_EVENT:
        begin_event(w, entry);
        return;
    default:
        break;
    }
    if (w->skip_event)
        return;
    switch (entry->kind) {
    case SPAN_ENTRY_STRING:
        put_string(w, entry);
        return;
    case SPAN_ENTRY_INTEGER:
        put_number(w, entry, VALUE_INTEGER);
        return;
    case SPAN_ENTRY_BOOLEAN:
        put_number(w, entry, VALUE_BOOLEAN);
        return;
    case SPAN_ENTRY_REQUEST_HEADER:
    case SPAN_ENTRY_RESPONSE_HEADER:
        put_header(w, entry);
        return;
    default:
        return;
    }
}

static void put_status(struct writing *w)
{
    if (w->status == SPAN_STATUS_UNSET)
        return;
    unsigned char *status = wire_begin(w->at, SPAN_STATUS);
    unsigned char *at = status;
    if (w->status_message.length)
        at = put_text(w, at, WIRE_TAG(2, WIRE_LENGTH), w->status_message);
    at = wire_number(at, STATUS_CODE, w->status);
    w->at = wire_end(status, at);
}

static inline void put_name(struct writing *w)
{
    if (!w->encoded_name.length) {
        w->at = put_text(w, w->at, SPAN_NAME, w->name);
        return;
    }
    if (w->at != w->named_at)
        memcpy(w->at, w->encoded_name.at, w->encoded_name.length);
    w->at += w->encoded_name.length;
}

static void put_tail(struct writing *w)
{
    uint32_t dropped = w->span.dropped + w->record->dropped_attributes;
    put_name(w);
    if (w->trace_state.length)
        w->at = put_text(w, w->at, SPAN_TRACE_STATE, w->trace_state);
    if (dropped)
        w->at = wire_number(w->at, SPAN_DROPPED_ATTRIBUTES, dropped);
    if (w->dropped_events)
        w->at = wire_number(w->at, SPAN_DROPPED_EVENTS, w->dropped_events);
    if (w->links)
        put_links(w);
    put_status(w);
    w->at = put_flags(w->at, w->record);
}

/* ---- facts ---- */

static void remember(struct writing *w, struct memo *memo, const struct describe_key *key,
                     uint64_t hash, const unsigned char *begin, unsigned attributes)
{
    size_t attribute_bytes = (size_t)(w->at - begin);
    unsigned char *end = w->name.at ? put_text(w, w->at, SPAN_NAME, w->name) : w->at;
    size_t bytes = (size_t)(end - begin);
    unsigned char *into = memo_take(memo, key, hash, sizeof(struct told) + bytes);
    if (!into)
        return;
    const struct told told = {
        .attribute_bytes = (uint16_t)attribute_bytes,
        .name_bytes = (uint16_t)(bytes - attribute_bytes),
        .attributes = (uint8_t)attributes,
        .status = w->status,
    };
    memcpy(into, &told, sizeof told);
    memcpy(into + sizeof told, begin, bytes);
}

static __attribute__((cold, noinline)) void put_new_part(struct writing *w, struct span_wire *wire,
                                                         const struct describe_plan *plan,
                                                         unsigned part, uint64_t hash)
{
    bool repeats;
    const unsigned char *begin = w->at;
    int64_t easy = w->span.easy;
    const struct span_record *words = describe_part(w->record, plan, part, wire->words, &repeats);
    for (const struct span_entry *entry = span_next_entry(words, NULL); entry;
         entry = span_next_entry(words, entry))
        put_entry(w, entry);
    w->status = words->status;
    w->span.dropped += words->dropped_attributes - w->record->dropped_attributes;
    if (repeats && !w->span.dropped)
        remember(w, &wire->memo, &plan->keys[part], hash, begin, (unsigned)(easy - w->span.easy));
}

static inline void put_part(struct writing *w, struct span_wire *wire,
                            const struct describe_plan *plan, unsigned part)
{
    uint64_t hash;
    struct told told;
    const unsigned char *bytes = memo_find(&wire->memo, &plan->keys[part], part, &hash);
    if (!bytes) {
        put_new_part(w, wire, plan, part, hash);
        return;
    }
    memcpy(&told, bytes, sizeof told);
    bytes += sizeof told;
    memcpy(w->at, bytes, told.attribute_bytes + told.name_bytes);
    w->at += told.attribute_bytes;
    w->span.easy -= told.attributes;
    w->status = told.status;
    w->encoded_name = (struct slice){(const char *)bytes + told.attribute_bytes, told.name_bytes};
    w->named_at = w->at;
}

static inline void put_plan(struct writing *w, struct span_wire *wire,
                            const struct describe_plan *plan)
{
    for (unsigned i = 0; i < plan->number_count; i++) {
        const struct name_row *row = name_row(plan->numbers[i].attribute);
        unsigned count = row->counts[w->older];
        w->span.easy -= count;
        w->at = put_value(w->at, SPAN_ATTRIBUTES, row, count, VALUE_INTEGER,
                          (uint64_t)plan->numbers[i].value);
    }
    for (unsigned part = 0; part < DESCRIBE_PARTS; part++)
        put_part(w, wire, plan, part);
    const struct span_entry *entry = span_next_entry(w->record, NULL);
    for (; entry != plan->facts; entry = span_next_entry(w->record, entry))
        put_entry(w, entry);
    for (entry = plan->rest; entry; entry = span_next_entry(w->record, entry))
        put_entry(w, entry);
}

/* ---- */

static inline unsigned char *put_span(struct span_wire *wire, unsigned char *at,
                                      const struct span_record *record, int64_t unix_offset_ns,
                                      const struct describe_plan *plan)
{
    unsigned char *body = wire_begin(at, WIRE_TAG(2, WIRE_LENGTH));
    struct writing w = {
        .config = wire->config,
        .scratch = wire->scratch,
        .record = record,
        .unix_offset_ns = unix_offset_ns,
        .at = body,
        .older = says_older(wire->config, record),
        .status = record->status,
    };
    w.place = &w.span;
    place_begin_span(&w.span, SPAN_ATTRIBUTES, wire->config->attribute_count_limit, record,
                     w.older);
    w.at = put_ids_and_times(w.at, record, unix_offset_ns);
    if (plan)
        put_plan(&w, wire, plan);
    else
        for (const struct span_entry *entry = span_next_entry(record, NULL); entry;
             entry = span_next_entry(record, entry))
            put_entry(&w, entry);
    end_event(&w);
    put_tail(&w);
    return wire_end(body, w.at);
}

/* A limit of attributes decides among all of them. */
static inline bool make_plan(const struct span_wire *wire, const struct span_record *record,
                             struct describe_plan *plan)
{
    return wire->memo.sets && wire->config->attribute_count_limit >= PLACE_ATTRIBUTES_MOST &&
           describe_plan(record, plan);
}

_Static_assert(DESCRIBE_PART_BYTES <= SPAN_WIRE_WORDS_BYTES, "it has room for a part");

unsigned char *span_wire_put(struct span_wire *wire, unsigned char *at,
                             const struct span_record *record, int64_t unix_offset_ns)
{
    struct describe_plan plan;
    if (record->facts_at) {
        if (make_plan(wire, record, &plan)) {
            unsigned char *end = span_plain_put(wire, at, record, unix_offset_ns, &plan);
            return end ? end : put_span(wire, at, record, unix_offset_ns, &plan);
        }
        record = describe(record, wire->words, SPAN_WIRE_WORDS_BYTES);
    }
    return put_span(wire, at, record, unix_offset_ns, NULL);
}
