// SPDX-License-Identifier: Apache-2.0
/* span.h - a span as a compact record.
 *
 * The thread that sees the work writes the record into memory of its own (an exchange's page, a
 * scratch page), then copies it into the ring in one piece. A record is position-independent:
 * a head of fixed size, then entries, each a multiple of 8 bytes. Values that do not fit are
 * cut at a UTF-8 boundary, attributes for which no room is left are dropped and counted in the
 * record (`dropped_attributes`). Nothing here allocates, locks or fails.
 *
 * Strangers choose how long a URL, a header or a statement is, and must not take away what a span
 * is read for: name, status, route, error, who asked and who answered. So long texts (those of
 * type TEXT in attributes.def, and captured headers) leave a reserve at the end of the memory, that
 * only names, other attributes and events may use. */
#ifndef AGENT_SPAN_H
#define AGENT_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/span/attribute.h"

/* Values of opentelemetry.proto.trace.v1.Span.SpanKind and Status.StatusCode. */
enum span_kind { SPAN_KIND_INTERNAL = 1, SPAN_KIND_SERVER = 2, SPAN_KIND_CLIENT = 3 };
enum span_status { SPAN_STATUS_UNSET = 0, SPAN_STATUS_OK = 1, SPAN_STATUS_ERROR = 2 };

/* Which instrumentation made it: the InstrumentationScope's name is "otelagent." and this. */
enum span_scope {
#define SCOPE(id, name, names) SPAN_SCOPE_##id,
#include "agent/span/scopes.def"
    SPAN_SCOPE_COUNT
};
extern const char *const span_scope_names[SPAN_SCOPE_COUNT];

/* Whose switch do its attributes' names follow? */
enum span_names { SPAN_NAMES_HTTP, SPAN_NAMES_DATABASE };
extern const uint8_t span_scope_follows[SPAN_SCOPE_COUNT];

#define TRACE_FLAG_SAMPLED 0x01 /* W3C Trace Context level 1 */
#define TRACE_FLAG_RANDOM  0x02 /* level 2: the right-most 7 bytes of the trace id are random */

#define TRACE_FLAG_LEFT_OUT 0x80 /* ours, never sent: no child of it is recorded either */

/* What identifies a span to others, as `traceparent` carries it. */
struct span_context {
    uint8_t trace_id[16]; /* all zero: no context */
    uint8_t span_id[8];
    uint8_t flags; /* TRACE_FLAG_* */
    bool remote;   /* came from another process */
};

struct span_record {
    uint32_t length; /* bytes, this head included; a multiple of 8 */
    uint16_t dropped_attributes;
    uint8_t kind;          /* enum span_kind */
    uint8_t status;        /* enum span_status */
    uint8_t scope;         /* enum span_scope */
    uint8_t flags;         /* TRACE_FLAG_* */
    uint8_t parent_remote; /* 1: the parent's context came from another process */
    uint8_t has_frames;    /* 1: it has an entry SPAN_ENTRY_FRAMES */
    uint8_t masked;        /* 1: says that something was hidden */
    uint8_t of_process;    /* 1: its first entry is SPAN_ENTRY_PROCESS */
    uint16_t facts_at;     /* bytes from here to its entry SPAN_ENTRY_FACTS; 0: it has none */
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_id[8]; /* all zero: a root */
    uint64_t start_ns;    /* CLOCK_MONOTONIC; likewise end_ns and the times of events */
    uint64_t end_ns;
};

/* Kinds of entries. An event's attributes are the attribute entries between it and the next
 * event or the end; so a span's own attributes come first. */
enum span_entry_kind {
    SPAN_ENTRY_NAME,            /* text: the span's name */
    SPAN_ENTRY_TRACESTATE,      /* text */
    SPAN_ENTRY_STATUS_MESSAGE,  /* text */
    SPAN_ENTRY_STRING,          /* attribute, text */
    SPAN_ENTRY_INTEGER,         /* attribute, int64 */
    SPAN_ENTRY_BOOLEAN,         /* attribute, int64 0 or 1 */
    SPAN_ENTRY_REQUEST_HEADER,  /* text "key\0value": http.request.header.KEY = [value] */
    SPAN_ENTRY_RESPONSE_HEADER, /* likewise http.response.header.KEY */
    SPAN_ENTRY_EVENT,           /* number = enum event, int64 time */
    SPAN_ENTRY_LINK,            /* 24 bytes: trace id, span id */
    SPAN_ENTRY_FRAMES,          /* a stack trace without names: frames.h */
    SPAN_ENTRY_PROCESS,         /* struct span_process */
    SPAN_ENTRY_FACTS /* number = enum span_facts; agent/describe makes attributes of it */
};

/* Whose facts they are. Records say it by its number, and may be read by a later agent. */
enum span_facts { SPAN_FACTS_HTTP_SERVER, SPAN_FACTS_MYSQL, SPAN_FACTS_COUNT };

struct span_entry {
    uint16_t number; /* enum attribute or enum event */
    uint8_t kind;    /* enum span_entry_kind */
    uint8_t reserved;
    uint32_t length;       /* of the payload in bytes, without padding */
    unsigned char bytes[]; /* padded to 8 */
};

/* What tells a forked child from its parent, among what is known of the process. */
struct span_process {
    uint32_t pid;
    uint32_t parent_pid;
    uint8_t instance[16]; /* service.instance.id, a UUID */
    uint32_t kept;        /* SPAN_PROCESS_*: the user has said them, so they are as the parent's */
    uint32_t reserved;
};
#define SPAN_PROCESS_PID        1u
#define SPAN_PROCESS_PARENT_PID 2u
#define SPAN_PROCESS_INSTANCE   4u

/* Of which process's spans that are begun from now on say that they are; NULL: they say nothing.
 * Before a forked child has threads. */
void span_say_process(const struct span_process *process);

/* What the span says of it. False: nothing. */
bool span_find_process(const struct span_record *record, struct span_process *process);

/* A record being written. */
struct span {
    struct span_record *record;
    uint32_t capacity; /* bytes at record */
    int32_t easy;      /* of which entries may use so many without asking further */
};

/* Enough for all that a span of any kind says without its long texts. A text of those that finds
 * nothing but the reserve is cut to SPAN_KEPT_BYTES. */
#define SPAN_RESERVE_BYTES 1536
#define SPAN_KEPT_BYTES    256
/* A path keeps so much whatever the limit of texts, because route and name are made of it. */
#define SPAN_PATH_BYTES  1536
#define SPAN_BYTES_LEAST (SPAN_RESERVE_BYTES + 256)

/* So many characters of an attribute's text are all that is wanted: then there is room for more of
 * them. Before the first span. */
void span_limit_texts(int64_t characters);

/* How many bytes of one that is; UINT32_MAX: all. */
uint32_t span_text_most(void);

/* Begins a record in `memory` (8-byte aligned, at least SPAN_BYTES_LEAST; it must outlive the
 * span). `parent` may be NULL or empty: then the span is a root. `self` gives the ids and flags. */
void span_begin(struct span *span, void *memory, uint32_t capacity, enum span_scope scope,
                enum span_kind kind, const struct span_context *self,
                const struct span_context *parent, uint64_t start_ns);

/* Begins a record that says of itself what `head` does, and has no entries. */
void span_begin_as(struct span *span, void *memory, uint32_t capacity,
                   const struct span_record *head);

/* Goes on with a record that was begun elsewhere and lies in so much memory. */
void span_resume(struct span *span, struct span_record *record, uint32_t capacity);

/* The beginning of a text, `most` bytes at most, not cut inside a character. */
struct slice span_cut(struct slice text, uint32_t most);

/* SPAN_KEPT_BYTES at most: for what has a meaning only while short, and a stranger chooses. */
static inline struct slice span_short(struct slice text)
{
    return text.length <= SPAN_KEPT_BYTES ? text : span_cut(text, SPAN_KEPT_BYTES);
}

/* Facts are written in place, once a record, before anything but a process and a tracestate: the
 * payload, aligned to 8 bytes, of at most *most bytes. NULL: there is no room. Nothing else is
 * added before span_facts_end(), which is told how many bytes they are. */
void *span_facts_begin(const struct span *span, uint32_t *most);
void span_facts_end(struct span *span, enum span_facts kind, uint32_t bytes);

/* Those of a record that was not made here, with the length of the payload; NULL: none, or they do
 * not lie within it. */
const struct span_entry *span_find_facts(const struct span_record *record);

/* Those of one that was. */
static inline void *span_facts(const struct span_record *record)
{
    return (unsigned char *)record + record->facts_at + sizeof(struct span_entry);
}

/* An entry of another record. */
void span_entry(struct span *span, const struct span_entry *entry);

void span_name(struct span *span, struct slice name);
void span_joined_name(struct span *span, const struct slice *parts, size_t count);
void span_tracestate(struct span *span, struct slice value);

/* Absent slices (at == NULL) are skipped, empty ones are kept. */
void span_string(struct span *span, enum attribute attribute, struct slice value);
/* The parts one after the other, as one text. */
void span_joined(struct span *span, enum attribute attribute, const struct slice *parts,
                 size_t count);
void span_integer(struct span *span, enum attribute attribute, int64_t value);
void span_boolean(struct span *span, enum attribute attribute, bool value);

/* A captured header; the key is stored in lower case. */
void span_header(struct span *span, bool request, struct slice key, struct slice value);

/* Status Error, `error`=true, and the message where the status code does not say it already
 * (SLICE_NONE otherwise). Before the first event. */
void span_error(struct span *span, struct slice message);

/* `security.data_masked`=true, once a span, and counted. Before the first event. */
void span_masked(struct span *span);

/* A string of which `shown` is to be seen: where that is another text, something was hidden. */
static inline void span_shown(struct span *span, enum attribute attribute, struct slice text,
                              struct slice shown)
{
    if (shown.at != text.at)
        span_masked(span);
    span_string(span, attribute, shown);
}

void span_event(struct span *span, enum event event, uint64_t time_ns);
/* A stack trace, of the event before it. Left out, and counted, where there is no room. */
void span_frames(struct span *span, struct slice frames);

void span_link(struct span *span, const struct span_context *to);
void span_end(struct span *span, uint64_t end_ns);

/* Walks the entries of a record whose length has been checked against its container. NULL to
 * start; NULL at the end or where an entry does not lie within the record. */
static inline const struct span_entry *span_next_entry(const struct span_record *record,
                                                       const struct span_entry *previous)
{
    const unsigned char *end = (const unsigned char *)record + record->length;
    const unsigned char *at = (const unsigned char *)(record + 1);
    if (previous)
        at = previous->bytes + (((size_t)previous->length + 7) & ~(size_t)7);
    const struct span_entry *entry = (const struct span_entry *)at;
    ptrdiff_t room = end - at - (ptrdiff_t)sizeof *entry; /* for the payload */
    return room >= 0 && entry->length <= (size_t)room ? entry : NULL;
}

static inline struct slice span_entry_text(const struct span_entry *entry)
{
    return (struct slice){(const char *)entry->bytes, entry->length};
}

/* The value of an integer, boolean or event entry; 0 where the entry is too short. */
static inline int64_t span_entry_integer(const struct span_entry *entry)
{
    int64_t value = 0;
    if (entry->length >= sizeof value)
        memcpy(&value, entry->bytes, sizeof value);
    return value;
}

/* The first string, or integer, entry of that attribute; SLICE_NONE, or false, if none. */
struct slice span_find_string(const struct span_record *record, enum attribute attribute);
bool span_find_integer(const struct span_record *record, enum attribute attribute, int64_t *value);
struct slice span_find_name(const struct span_record *record);

static inline bool span_context_present(const struct span_context *context)
{
    uint64_t halves[2];
    memcpy(halves, context->trace_id, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

#endif
