// SPDX-License-Identifier: Apache-2.0
#include "shape.h"

bool shape_is_token(struct slice name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.length; i++) {
        char c = name.at[i];
        char lower = slice_lower(c);
        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return name.length > 0;
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (((unsigned char)text.at[i] < ' ' && text.at[i] != '\t') || text.at[i] == 0x7f)
            return true;
    return false;
}

static bool is_number(struct slice value)
{
    for (size_t i = 0; i < value.length; i++)
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
    while (value.length > 1 && value.at[0] == '0')
        value = slice_after(value, 1);
    return value.length > 0 && value.length < 19;
}

/* Without white space before it and spaces behind it: a tab there is something that http-parser
 * stumbles over. */
static struct slice plain_value(struct slice value)
{
    while (value.length > 0 && (value.at[0] == ' ' || value.at[0] == '\t'))
        value = slice_after(value, 1);
    while (value.length > 0 && value.at[value.length - 1] == ' ')
        value.length--;
    return value;
}

/* The next element of a list; false: none is left. */
static bool take_element(struct slice *list, struct slice *element)
{
    if (list->at == NULL)
        return false;
    size_t comma = slice_find(*list, ',');
    *element = slice_trim((struct slice){list->at, comma});
    *list = comma < list->length ? slice_after(*list, comma + 1) : SLICE_NONE;
    return true;
}

static bool ends_in_chunked(struct slice list)
{
    struct slice element;
    bool chunked = false;
    while (take_element(&list, &element))
        if (element.length > 0)
            chunked = slice_equal_nocase(element, SLICE_LITERAL("chunked"));
    return chunked;
}

/* Are all of them numbers, and the same as those before? */
static bool same_lengths(struct slice list, struct slice *known)
{
    struct slice element;
    while (take_element(&list, &element)) {
        if (!is_number(element))
            return false;
        while (element.length > 1 && element.at[0] == '0')
            element = slice_after(element, 1);
        if (known->at != NULL && !slice_equal(*known, element))
            return false;
        *known = element;
    }
    return true;
}

/* *length is what the Content-Lengths before this line say. */
static unsigned shape_of_field(struct slice line, struct slice *length)
{
    size_t colon = slice_find(line, ':');
    static const struct slice coding = {"transfer-encoding", 17};
    struct slice name = {line.at, colon};
    unsigned shape = 0;
    if (line.length > coding.length &&
        slice_equal_nocase((struct slice){line.at, coding.length}, coding) &&
        line.at[coding.length] != ':')
        shape = SHAPE_LIKE_CODING;
    while (name.length > 0 && name.at[name.length - 1] == ' ')
        name.length--;
    if (colon == line.length || !shape_is_token(name))
        return shape | SHAPE_NO_FIELD;
    struct slice value = plain_value(slice_after(line, colon + 1));
    shape |= has_control(value) ? SHAPE_CONTROL : 0;
    shape |= name.length < colon ? SHAPE_NO_FIELD : 0;
    if (slice_equal_nocase(name, SLICE_LITERAL("content-length")))
        shape |= SHAPE_LENGTH | (is_number(value) ? 0 : SHAPE_ODD_LENGTH) |
                 (same_lengths(value, length) ? 0 : SHAPE_UNEQUAL_LENGTHS);
    bool chunked = slice_equal_nocase(value, SLICE_LITERAL("chunked"));
    if (slice_equal_nocase(name, coding))
        shape |= SHAPE_CODING | (chunked ? 0 : SHAPE_ODD_CODING) |
                 (ends_in_chunked(value) ? SHAPE_CHUNKED_LAST : 0);
    bool usual = slice_equal_nocase(value, SLICE_LITERAL("close")) ||
                 slice_equal_nocase(value, SLICE_LITERAL("keep-alive"));
    if (slice_equal_nocase(name, SLICE_LITERAL("connection")))
        shape |= SHAPE_CONNECTION | (usual ? 0 : SHAPE_ODD_CONNECTION);
    return shape;
}

unsigned shape_of(struct slice head)
{
    unsigned shape = 0;
    unsigned last = 0;
    struct slice length = SLICE_NONE;
    for (bool first = true; head.length > 0; first = false) {
        size_t end = slice_find(head, '\n');
        struct slice line = {head.at, end};
        head = slice_after(head, end < head.length ? end + 1 : end);
        if (line.length > 0 && line.at[line.length - 1] == '\r')
            line.length--;
        if (slice_find(line, '\r') < line.length)
            shape |= SHAPE_BARE_CR;
        if (line.length == 0)
            first = false;
        if (first || line.length == 0)
            continue;
        if (line.at[0] == ' ' || line.at[0] == '\t') {
            shape |= last & (SHAPE_LENGTH | SHAPE_CODING) ? SHAPE_FOLD : 0;
            shape |= last & SHAPE_CONNECTION ? SHAPE_ODD_CONNECTION : 0;
            shape |= last == 0 ? SHAPE_NO_FIELD : 0;
            shape |= has_control(line) ? SHAPE_CONTROL : 0;
            continue;
        }
        last = shape_of_field(line, &length);
        if (last & shape & SHAPE_LENGTH)
            shape |= SHAPE_ODD_LENGTH;
        if (last & shape & SHAPE_CODING)
            shape |= SHAPE_ODD_CODING;
        if (last & shape & SHAPE_CONNECTION)
            shape |= SHAPE_ODD_CONNECTION;
        if ((last & SHAPE_CODING) &&
            slice_trim(slice_after(line, slice_find(line, ':') + 1)).length)
            shape &= ~(unsigned)SHAPE_CHUNKED_LAST;
        shape |= last;
    }
    return shape;
}
