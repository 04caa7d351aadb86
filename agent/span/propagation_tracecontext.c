// SPDX-License-Identifier: Apache-2.0
/* `traceparent` and `tracestate`, as W3C Trace Context has them. */
#include "agent/span/propagation.h"
#include "agent/span/propagator.h"

/* Only lower case: the recommendation makes upper-case digits invalid (3.2.2). */
static int lower_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(const char *text, uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        int high = lower_hex(text[2 * i]);
        int low = lower_hex(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
    uint8_t any = 0;
    for (size_t i = 0; i < length; i++)
        any |= bytes[i];
    return any == 0;
}

bool propagation_parse_traceparent(struct slice value, struct span_context *out)
{
    struct slice text = slice_trim(value);
    if (text.length < PROPAGATION_TRACEPARENT_BYTES)
        return false;
    if (text.at[2] != '-' || text.at[35] != '-' || text.at[52] != '-')
        return false;

    uint8_t version;
    struct span_context read = {.remote = true};
    if (!parse_hex(text.at, &version, 1) || version == 0xff ||
        !parse_hex(text.at + 3, read.trace_id, sizeof read.trace_id) ||
        !parse_hex(text.at + 36, read.span_id, sizeof read.span_id) ||
        !parse_hex(text.at + 53, &read.flags, 1))
        return false;
    if (all_zero(read.trace_id, sizeof read.trace_id) ||
        all_zero(read.span_id, sizeof read.span_id))
        return false;

    if (text.length > PROPAGATION_TRACEPARENT_BYTES &&
        (version == 0 || text.at[PROPAGATION_TRACEPARENT_BYTES] != '-'))
        return false;
    read.flags &= version == 0 ? TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM : TRACE_FLAG_SAMPLED;
    *out = read;
    return true;
}

static char *format_hex(char *out, const uint8_t *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}

void propagation_format_traceparent(const struct span_context *context,
                                    char out[PROPAGATION_TRACEPARENT_BYTES])
{
    const uint8_t version = 0;
    const uint8_t flags = context->flags & (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    out = format_hex(out, &version, 1);
    *out++ = '-';
    out = format_hex(out, context->trace_id, sizeof context->trace_id);
    *out++ = '-';
    out = format_hex(out, context->span_id, sizeof context->span_id);
    *out++ = '-';
    format_hex(out, &flags, 1);
}

static bool key_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
           c == '/' || c == '@';
}

static bool valid_member(struct slice member)
{
    size_t equals = slice_find(member, '=');
    struct slice key = {member.at, equals};
    if (equals == member.length || key.length == 0 || key.length > 256)
        return false;
    if (!((key.at[0] >= 'a' && key.at[0] <= 'z') || (key.at[0] >= '0' && key.at[0] <= '9')))
        return false;
    for (size_t i = 1; i < key.length; i++)
        if (!key_character(key.at[i]))
            return false;

    struct slice text = slice_after(member, equals + 1);
    if (text.length == 0 || text.length > 256)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] < 0x20 || text.at[i] > 0x7e || text.at[i] == '=')
            return false;
    return true;
}

/* Only their lengths, because the stack may be small: where they stand, the lines say again. */
struct members {
    uint16_t length[PROPAGATION_TRACESTATE_LIST]; /* without white space; 0: empty, or left out */
    size_t count;
};

/* Takes the next member off a line; false where there is none. An empty line has none. */
struct walk {
    struct slice rest;
    bool more;
};

static struct walk walk_line(struct slice line)
{
    return (struct walk){line, line.length != 0};
}

static bool next_member(struct walk *walk, struct slice *member)
{
    if (!walk->more)
        return false;
    size_t comma = slice_find(walk->rest, ',');
    *member = slice_trim((struct slice){walk->rest.at, comma});
    walk->more = comma < walk->rest.length;
    if (walk->more)
        walk->rest = slice_after(walk->rest, comma + 1);
    return true;
}

/* Adds the members of one line. False where one is invalid or they are too many. Empty ones count,
 * because they stay in the list where it is carried as it is. */
static bool collect(struct members *members, struct slice line)
{
    struct walk walk = walk_line(line);
    struct slice member;
    while (next_member(&walk, &member)) {
        if (members->count == PROPAGATION_TRACESTATE_LIST ||
            (member.length && !valid_member(member)))
            return false;
        members->length[members->count++] = (uint16_t)member.length; /* 513 at most */
    }
    return true;
}

bool propagation_is_tracestate(struct slice value)
{
    struct members members = {.count = 0};
    return collect(&members, value);
}

/* What adding so many bytes makes of the length of a text whose parts are joined by commas; empty
 * ones are left out. */
static size_t joined(size_t length, size_t more)
{
    return more ? length + more + (length != 0) : length;
}

static size_t members_length(const struct members *members)
{
    size_t length = 0;
    for (size_t i = 0; i < members->count; i++)
        length = joined(length, members->length[i]);
    return length;
}

static size_t lines_length(const struct slice *lines, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length = joined(length, lines[i].length);
    return length;
}

static size_t append(char *out, size_t used, struct slice part)
{
    if (!part.length)
        return used;
    if (used)
        out[used++] = ',';
    memcpy(out + used, part.at, part.length);
    return used + part.length;
}

static size_t join_lines(const struct slice *lines, size_t count, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used = append(out, used, lines[i]);
    return used;
}

static size_t join_members(const struct members *members, const struct slice *lines, size_t count,
                           char *out)
{
    size_t used = 0;
    size_t number = 0;
    for (size_t i = 0; i < count; i++) {
        struct walk walk = walk_line(lines[i]);
        struct slice member;
        while (next_member(&walk, &member))
            if (members->length[number++])
                used = append(out, used, member);
    }
    return used;
}

static void shrink(struct members *members, size_t limit)
{
    for (size_t i = members->count; i > 0; i--)
        if (members->length[i - 1] > 128 && members_length(members) > limit)
            members->length[i - 1] = 0;
    for (size_t i = members->count; i > 0; i--)
        if (members_length(members) > limit)
            members->length[i - 1] = 0;
}

/* Not inlined, because its caller looks for the lines, too, and the stack may be small. */
__attribute__((noinline)) struct slice
propagation_join_tracestate(const struct slice *lines, size_t count, char *out, size_t capacity)
{
    struct members members = {.count = 0};
    for (size_t i = 0; i < count; i++)
        if (!collect(&members, lines[i]))
            return SLICE_NONE;
    if (members_length(&members) == 0)
        return SLICE_NONE;

    size_t limit =
        capacity < PROPAGATION_TRACESTATE_BYTES ? capacity : PROPAGATION_TRACESTATE_BYTES;
    size_t used;
    if (lines_length(lines, count) <= limit) {
        used = join_lines(lines, count, out);
    } else {
        shrink(&members, limit);
        used = join_members(&members, lines, count, out);
    }
    return used ? (struct slice){out, used} : SLICE_NONE;
}

/* Apart, because most requests have none and all have the frame. */
__attribute__((noinline)) static void
read_tracestate(const struct carrier *carrier, struct carried *carried, struct carried_text *text)
{
    size_t count = carrier_lines(carrier, CARRIER_TRACESTATE, text->lines, CARRIED_LINES_MOST);
    if (!count)
        return;
    struct slice joined =
        propagation_join_tracestate(text->lines, count, text->tracestate, CARRIED_TRACESTATE_BYTES);
    carried->tracestate_bytes = (uint16_t)joined.length;
}

const enum carrier_field tracecontext_parent = CARRIER_TRACEPARENT;

/* Two traceparent lines are as good as none; then there is no tracestate, either. */
void tracecontext_extract(const struct carrier *carrier, struct span_context *parent,
                          struct carried *carried, struct carried_text *text)
{
    struct slice traceparent = carrier_get(carrier, CARRIER_TRACEPARENT);
    if (traceparent.at && !carrier_repeats(carrier, CARRIER_TRACEPARENT) &&
        propagation_parse_traceparent(traceparent, parent) &&
        carrier_has(carrier, CARRIER_TRACESTATE))
        read_tracestate(carrier, carried, text);
}

void tracecontext_inject(const struct outgoing *outgoing)
{
    char traceparent[PROPAGATION_TRACEPARENT_BYTES];
    propagation_format_traceparent(outgoing->self, traceparent);
    outgoing_write(outgoing, CARRIER_TRACEPARENT, traceparent, sizeof traceparent);
    outgoing_write(outgoing, CARRIER_TRACESTATE, outgoing->room,
                   outgoing->copy_tracestate(outgoing->room));
}
