// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/otlp.h"

#include "exporter/base/utf8.h"
#include "exporter/otlp/name.h"
#include "exporter/otlp/resource.h"
#include "exporter/otlp/resource_wire.h"
#include "exporter/otlp/span_wire.h"
#include "exporter/otlp/wire.h"

/* A batch is closed once a scope has a megabyte: collectors commonly refuse bodies of 4 MiB. */
#define PART_BYTES_WANTED ((size_t)1 << 20)

/* What a record of n bytes can grow to: an attribute without text takes 8 bytes here and three
 * names of 45 there; a byte of text becomes at most three, three times. */
#define ENCODED_BYTES_MOST(n) ((size_t)(n)*20 + 4096)
#define PART_BYTES            (PART_BYTES_WANTED + ENCODED_BYTES_MOST(OTLP_RECORD_BYTES_MOST))
#define HEAD_BYTES            (RESOURCE_BYTES_MOST + 256)
#define OTHERS_BYTES          (PART_BYTES + RESOURCE_BYTES_MOST + RESOURCE_CHILD_BYTES + 512)

bool otlp_init(struct otlp *otlp, const struct config *config)
{
    size_t parts = (size_t)SPAN_SCOPE_COUNT * PART_BYTES + OTHERS_BYTES;
    *otlp = (struct otlp){.wire.config = config, .arena = otlp->arena};
    size_t own = HEAD_BYTES + UTF8_SCRATCH(OTLP_RECORD_BYTES_MOST) + SPAN_WIRE_WORDS_BYTES;
    if (!arena_map(&otlp->arena, parts + own + MEMO_BYTES + 96))
        return false;
    otlp->head = arena_take(&otlp->arena, HEAD_BYTES);
    otlp->wire.scratch = arena_take(&otlp->arena, UTF8_SCRATCH(OTLP_RECORD_BYTES_MOST));
    for (int scope = 0; scope < SPAN_SCOPE_COUNT; scope++)
        otlp->parts[scope].spans = arena_take(&otlp->arena, PART_BYTES);
    otlp->others.at = arena_take(&otlp->arena, OTHERS_BYTES);
    otlp->wire.words = arena_take(&otlp->arena, SPAN_WIRE_WORDS_BYTES);
    memo_init(&otlp->wire.memo, arena_take(&otlp->arena, MEMO_BYTES));
    name_init();
    return true;
}

bool otlp_room(const struct otlp *otlp)
{
    return !otlp->full;
}

static bool is_sound(const struct span_record *record, size_t length)
{
    return length >= sizeof *record && record->length >= sizeof *record &&
           record->length <= length && length <= OTLP_RECORD_BYTES_MOST &&
           record->scope < SPAN_SCOPE_COUNT;
}

bool otlp_add(struct otlp *otlp, const struct span_record *record, size_t length,
              int64_t unix_offset_ns)
{
    if (!is_sound(record, length))
        return false;
    struct otlp_part *part = &otlp->parts[record->scope];
    part->used =
        (size_t)(span_wire_put(&otlp->wire, part->spans + part->used, record, unix_offset_ns) -
                 part->spans);
    otlp->full |= part->used > PART_BYTES_WANTED;
    otlp->spans++;
    return true;
}

#define SCOPE_BYTES 128

/* What a ScopeSpans says besides its spans, and how long that is. */
static size_t describe_scope(unsigned char body[SCOPE_BYTES], unsigned scope)
{
    char name[32] = "otelagent.";
    strncat(name, span_scope_names[scope], sizeof name - sizeof "otelagent.");
    size_t name_bytes = strlen(name);
    size_t version_bytes = strlen(OTELAGENT_VERSION);

    unsigned char *at = wire_number(body, WIRE_TAG(1, WIRE_LENGTH), 4 + name_bytes + version_bytes);
    at = wire_bytes(at, WIRE_TAG(1, WIRE_LENGTH), name, name_bytes);
    at = wire_bytes(at, WIRE_TAG(2, WIRE_LENGTH), OTELAGENT_VERSION, version_bytes);
    at = wire_bytes(at, WIRE_TAG(3, WIRE_LENGTH), OTLP_SCHEMA_URL, strlen(OTLP_SCHEMA_URL));
    return (size_t)(at - body);
}

/* The head of a ScopeSpans whose spans follow as a piece of their own. */
static size_t put_scope(struct otlp_part *part, enum span_scope scope)
{
    unsigned char body[SCOPE_BYTES];
    size_t length = describe_scope(body, scope);
    unsigned char *at = wire_number(part->head, WIRE_TAG(2, WIRE_LENGTH), length + part->used);
    memcpy(at, body, length);
    return (size_t)(at - part->head) + length;
}

/* ---- of forked children ---- */

static unsigned char *others_end(const struct otlp_others *others)
{
    return others->at + others->used;
}

/* The body moves where its length takes more bytes than were left for it. */
static void end_others(struct otlp_others *others)
{
    if (!others->begun)
        return;
    others->used = (size_t)(wire_end(others->at + others->begun, others_end(others)) - others->at);
    others->begun = 0;
}

static void begin_others(struct otlp_others *others, const struct span_process *child,
                         struct slice resource)
{
    unsigned char *body = wire_begin(others_end(others), WIRE_TAG(1, WIRE_LENGTH));
    others->begun = (size_t)(body - others->at);
    others->process = *child;
    unsigned char *inner = wire_begin(body, WIRE_TAG(1, WIRE_LENGTH));
    if (resource.length > RESOURCE_BYTES_MOST)
        resource.length = 0;
    unsigned char *at = wire_end(inner, inner + resource_of_child(inner, resource, child));
    at = wire_bytes(at, WIRE_TAG(3, WIRE_LENGTH), OTLP_SCHEMA_URL, strlen(OTLP_SCHEMA_URL));
    others->used = (size_t)(at - others->at);
}

/* A ScopeSpans for each span: their order is that of the ring, where those of several processes
 * follow each other. */
bool otlp_add_of_child(struct otlp *otlp, const struct span_record *record, size_t length,
                       int64_t unix_offset_ns, const struct span_process *child,
                       struct slice resource)
{
    unsigned char scope[SCOPE_BYTES];
    struct otlp_others *others = &otlp->others;
    if (!is_sound(record, length))
        return false;
    if (others->begun && memcmp(&others->process, child, sizeof *child) != 0)
        end_others(others);
    if (!others->begun)
        begin_others(others, child, resource);
    size_t scope_bytes = describe_scope(scope, record->scope);
    unsigned char *body = wire_begin(others_end(others), WIRE_TAG(2, WIRE_LENGTH));
    memcpy(body, scope, scope_bytes);
    unsigned char *at = span_wire_put(&otlp->wire, body + scope_bytes, record, unix_offset_ns);
    others->used = (size_t)(wire_end(body, at) - others->at);
    otlp->full |= others->used > PART_BYTES_WANTED;
    otlp->spans++;
    return true;
}

static void add_piece(struct otlp_body *body, void *at, size_t bytes)
{
    body->pieces[body->count++] = (struct iovec){at, bytes};
    body->bytes += bytes;
}

static void add_own(struct otlp *otlp, struct slice resource, struct otlp_body *body)
{
    body->count = 1;
    for (int scope = 0; scope < SPAN_SCOPE_COUNT; scope++) {
        struct otlp_part *part = &otlp->parts[scope];
        if (!part->used)
            continue;
        add_piece(body, part->head, put_scope(part, (enum span_scope)scope));
        add_piece(body, part->spans, part->used);
    }
    if (resource.length > RESOURCE_BYTES_MOST)
        resource.length = 0;
    size_t rest = 1 + wire_varint_bytes(resource.length) + resource.length;
    size_t schema = 2 + strlen(OTLP_SCHEMA_URL);
    unsigned char *at =
        wire_number(otlp->head, WIRE_TAG(1, WIRE_LENGTH), rest + schema + body->bytes);
    at = wire_bytes(at, WIRE_TAG(1, WIRE_LENGTH), resource.at, resource.length);
    at = wire_bytes(at, WIRE_TAG(3, WIRE_LENGTH), OTLP_SCHEMA_URL, strlen(OTLP_SCHEMA_URL));
    body->pieces[0] = (struct iovec){otlp->head, (size_t)(at - otlp->head)};
    body->bytes += body->pieces[0].iov_len;
}

void otlp_finish(struct otlp *otlp, struct slice resource, struct otlp_body *body)
{
    bool any = !otlp->others.used; /* an empty batch has a resource, too */
    *body = (struct otlp_body){0};
    for (int scope = 0; scope < SPAN_SCOPE_COUNT; scope++)
        any |= otlp->parts[scope].used != 0;
    if (any)
        add_own(otlp, resource, body);
    end_others(&otlp->others);
    if (otlp->others.used)
        add_piece(body, otlp->others.at, otlp->others.used);
}

void otlp_clear(struct otlp *otlp)
{
    for (int scope = 0; scope < SPAN_SCOPE_COUNT; scope++)
        otlp->parts[scope].used = 0;
    otlp->others.used = otlp->others.begun = 0;
    otlp->spans = 0;
    otlp->full = false;
}
