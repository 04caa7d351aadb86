// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/redis/resp_item.h"

static char take(struct slice *bytes)
{
    char c = bytes->at[0];
    *bytes = slice_after(*bytes, 1);
    return c;
}

static void keep(struct resp_item *item, struct slice bytes)
{
    size_t room = (size_t)item->keep - item->kept_length;
    size_t length = bytes.length < room ? bytes.length : room;
    if (!length)
        return;
    memcpy(item->kept + item->kept_length, bytes.at, length);
    item->kept_length = (uint8_t)(item->kept_length + length);
}

static bool take_digit(struct resp_item *item, char c)
{
    if (c < '0' || c > '9' || item->digits == RESP_DIGITS_MOST)
        return false;
    item->number = item->number * 10 + (uint64_t)(c - '0');
    item->digits++;
    return true;
}

/* One character of a number; false where it can't stand there. */
static bool step_number(struct resp_item *item, char c)
{
    if (item->step == RESP_CR) {
        item->step = RESP_LF;
        return c == '\n';
    }
    if (item->step == RESP_FIRST) {
        item->step = RESP_MIDDLE;
        item->negative = c == '-';
        item->streamed = c == '?';
        return item->negative || item->streamed || take_digit(item, c);
    }
    if (c == '\r' && (item->digits || item->streamed)) {
        item->step = RESP_CR;
        return true;
    }
    return !item->streamed && take_digit(item, c);
}

enum parse resp_item_number(struct resp_item *item, struct slice *bytes)
{
    while (bytes->length && item->step != RESP_LF)
        if (!step_number(item, take(bytes)))
            return PARSE_BAD;
    return item->step == RESP_LF ? PARSE_OK : PARSE_MORE;
}

enum parse resp_item_bulk(struct resp_item *item, struct slice *bytes)
{
    size_t length = item->number < bytes->length ? (size_t)item->number : bytes->length;
    keep(item, (struct slice){bytes->at, length});
    *bytes = slice_after(*bytes, length);
    item->number -= length;
    while (bytes->length) {
        bool last = item->step == RESP_CR;
        if (take(bytes) != (last ? '\n' : '\r'))
            return PARSE_BAD;
        if (last)
            return PARSE_OK;
        item->step = RESP_CR;
    }
    return PARSE_MORE;
}

enum parse resp_item_line(struct resp_item *item, struct slice *bytes)
{
    while (bytes->length) {
        if (item->step == RESP_CR && bytes->at[0] == '\n') {
            (void)take(bytes);
            return PARSE_OK;
        }
        size_t length = slice_find(*bytes, '\r');
        keep(item, (struct slice){bytes->at, length});
        item->length += length;
        item->step = length < bytes->length ? RESP_CR : RESP_FIRST;
        *bytes = slice_after(*bytes, length < bytes->length ? length + 1 : length);
    }
    return PARSE_MORE;
}

bool resp_item_skip(struct resp_item *item, uint64_t bytes)
{
    if (bytes > item->number)
        return false;
    item->number -= bytes;
    item->keep = item->kept_length; /* what is behind a gap is not what follows */
    return true;
}
