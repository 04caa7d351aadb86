// SPDX-License-Identifier: Apache-2.0
/* Baggage, as W3C Baggage 3.3.1 has it. Commas and semicolons stand in no key and in no value, so
 * that each splits what is around it. */
#include "agent/base/percent.h"
#include "agent/base/token.h"
#include "agent/span/propagation.h"
#include "agent/span/propagator.h"

/* baggage-octet: printable ASCII but space, quotation mark, comma, semicolon and backslash. */
static const bool baggage_octet[256] = {
    [0x21] = true,          [0x23 ... 0x2b] = true, [0x2d ... 0x3a] = true,
    [0x3c ... 0x5b] = true, [0x5d ... 0x7e] = true,
};

/* value = *baggage-octet, in which a percent sign begins an escape (3.3.1.3). */
static bool is_value(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!baggage_octet[(unsigned char)text.at[i]])
            return false;
        if (text.at[i] == '%' && percent_pair(text, i + 1) < 0)
            return false;
    }
    return true;
}

/* key OWS "=" OWS value. No key holds the sign; a value may. */
static bool is_pair(struct slice text)
{
    size_t equals = slice_find(text, '=');
    return equals < text.length && token_is(slice_trim((struct slice){text.at, equals})) &&
           is_value(slice_trim(slice_after(text, equals + 1)));
}

/* property = key OWS "=" OWS value / key OWS */
static bool is_property(struct slice text)
{
    return is_pair(text) || token_is(slice_trim(text));
}

/* list-member = key OWS "=" OWS value *( OWS ";" OWS property ) */
static bool is_member(struct slice text)
{
    size_t end = slice_find(text, ';');
    if (!is_pair((struct slice){text.at, end}))
        return false;
    while (end < text.length) {
        text = slice_after(text, end + 1);
        end = slice_find(text, ';');
        if (!is_property((struct slice){text.at, end}))
            return false;
    }
    return true;
}

struct list {
    char *out;
    size_t capacity;
    size_t used;
    size_t members;
};

/* False where there is no room. */
static bool append_member(struct list *list, struct slice member)
{
    size_t comma = list->used ? 1 : 0;
    if (list->members == PROPAGATION_BAGGAGE_LIST ||
        member.length + comma > list->capacity - list->used)
        return false;
    if (comma)
        list->out[list->used++] = ',';
    memcpy(list->out + list->used, member.at, member.length);
    list->used += member.length;
    list->members++;
    return true;
}

/* Appends the members of one line. False where one is invalid or they do not fit. */
static bool append_line(struct list *list, struct slice line)
{
    while (line.length) {
        struct slice member = slice_take_part(&line, ',');
        if (member.length && !(is_member(member) && append_member(list, member)))
            return false;
    }
    return true;
}

/* Not inlined, because its caller looks for the lines, too, and the stack may be small. */
__attribute__((noinline)) struct slice
propagation_join_baggage(const struct slice *lines, size_t count, char *out, size_t capacity)
{
    struct list list = {.capacity = capacity};
    list.out = out;
    for (size_t i = 0; i < count; i++)
        if (!append_line(&list, lines[i]))
            return SLICE_NONE;
    return list.used ? (struct slice){list.out, list.used} : SLICE_NONE;
}

/* The tracestate keeps its place where there is no room for both. Apart, because most requests have
 * none and all have the frame. */
__attribute__((noinline)) static void
read_baggage(const struct carrier *carrier, struct carried *carried, struct carried_text *text)
{
    size_t count = carrier_lines(carrier, CARRIER_BAGGAGE, text->lines, CARRIED_LINES_MOST);
    if (!count)
        return;
    struct slice joined = propagation_join_baggage(
        text->lines, count, text->baggage, CARRIED_BAGGAGE_BYTES - carried->tracestate_bytes);
    carried->baggage_bytes = (uint16_t)joined.length;
}

const enum carrier_field baggage_parent = CARRIER_FIELDS;

/* Also where there is no parent. */
void baggage_extract(const struct carrier *carrier, struct span_context *parent,
                     struct carried *carried, struct carried_text *text)
{
    (void)parent;
    if (carrier_has(carrier, CARRIER_BAGGAGE))
        read_baggage(carrier, carried, text);
}

void baggage_inject(const struct outgoing *outgoing)
{
    outgoing_write(outgoing, CARRIER_BAGGAGE, outgoing->room,
                   outgoing->copy_baggage(outgoing->room));
}
